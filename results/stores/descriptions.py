"""What the arrays of a simulation store mean, and in which units, as NetCDF's conventions name that."""

from __future__ import annotations

from collections.abc import Sequence

FRACTION = "1"  # the CF conventions' unit of what has none

DESCRIPTIONS: dict[str, tuple[str, str]] = {  # long_name, units
    "image": ("microstructure, 0/1 pixels row by row as packed bits (numpy.unpackbits); rows are y, columns x", ""),
    "z": ("latent of the generator", ""),
    "y": ("simulated property that is designed for", FRACTION),
    "absorption": ("absorption of the whole stack, the mean over the wavelengths", FRACTION),
    "reflection": ("reflection, all orders, the mean over the wavelengths", FRACTION),
    "transmission": ("transmission, all orders, the mean over the wavelengths", FRACTION),
    "layer_absorption": ("absorption of each layer, the mean over the wavelengths", FRACTION),
    "spectrum": ("fraction at every wavelength, whose mean over those of the property is y", FRACTION),
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


OF_PROPERTIES = ("y", "spectrum", "predicted")


def description(name: str, properties: Sequence[str] = ()) -> dict[str, str]:
    """Attributes ``long_name`` and ``units`` of an array, where they are known; ``properties`` names what y is."""
    base, _, number = name.rpartition("_")
    place = int(number) if base in OF_PROPERTIES and number.isdigit() else 1
    base = base if number.isdigit() and base in OF_PROPERTIES else name
    long_name, units = DESCRIPTIONS.get(base, ("", ""))
    if base in OF_PROPERTIES and place <= len(properties):
        long_name = f"{properties[place - 1]}, {long_name}"
    return {key: value for key, value in (("long_name", long_name), ("units", units)) if value}
