"""What the arrays of a simulation store mean, and in which units, as NetCDF's conventions name that."""

from __future__ import annotations

FRACTION = "1"  # the CF conventions' unit of what has none

DESCRIPTIONS: dict[str, tuple[str, str]] = {  # long_name, units
    "image": ("microstructure, 0/1 pixels row by row as packed bits (numpy.unpackbits); rows are y, columns x", ""),
    "z": ("latent of the generator", ""),
    "y": ("simulated property that is designed for, the mean over the wavelengths", FRACTION),
    "absorption": ("absorption of the whole stack, the mean over the wavelengths", FRACTION),
    "reflection": ("reflection, all orders, the mean over the wavelengths", FRACTION),
    "transmission": ("transmission, all orders, the mean over the wavelengths", FRACTION),
    "layer_absorption": ("absorption of each layer, the mean over the wavelengths", FRACTION),
    "spectrum": ("fraction whose mean over the wavelengths is y", FRACTION),
    "error_estimate": ("error of the absorption as the solver estimates it", FRACTION),
    "status": ("0 not simulated yet, 1 done, 2 failed", ""),
    "seconds": ("time that the simulation took", "s"),
    "seed": ("seed of the simulation's random numbers", ""),
    "error_class": ("kind of failure, empty without one", ""),
    "error_message": ("message of the failure, empty without one", ""),
    "wavelength_nm": ("wavelength in vacuum", "nm"),
    "layer": ("layer of the stack, top to bottom", ""),
    "target": ("property that the design is asked for", FRACTION),
    "published_row": ("row in the published file", ""),
}


def description(name: str) -> dict[str, str]:
    """Attributes ``long_name`` and ``units`` of an array, where they are known."""
    long_name, units = DESCRIPTIONS.get(name, ("", ""))
    return {key: value for key, value in (("long_name", long_name), ("units", units)) if value}
