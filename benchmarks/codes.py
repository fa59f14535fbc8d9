"""RCWA codes behind one call: this project's solvers and its peers, each as an expert of it would write.

All solve the same equations: Laurent's rule, the DFT of the pixels, square truncation, both polarisations at normal
incidence. Set one thread before importing this module; ``one_core`` does.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial

import numpy as np

from photonics.rcwa import Numerics, solve
from photonics.stack import PatternLayer, Stack, UniformLayer

# Absorbed fraction (2,), s then p at azimuth 0, of an image (H, W).
Absorb = Callable[[np.ndarray], np.ndarray]
# A code made ready for one stack and number of orders.
Code = Callable[[Stack, int], Absorb]

ACCURACIES = ("1e-3", "1e-6", "1e-9")


def ours(stack: Stack, orders: int, *, solver: str, accuracy: float) -> Absorb:
    """One of this project's solvers."""
    numerics = Numerics(orders, "square", pixels="dft", solver=solver, accuracy=accuracy)  # type: ignore[arg-type]
    return lambda image: solve(stack, image[None], numerics).absorption[0]


def permittivity(layer: PatternLayer | UniformLayer, image: np.ndarray) -> np.ndarray:
    """Permittivity of a layer on a grid, x first as the peers want it: (W, H), or (1, 1) for a uniform one."""
    if isinstance(layer, UniformLayer):
        return np.full((1, 1), complex(layer.index) ** 2)
    return np.where(image.T == 1, complex(layer.white_index) ** 2, complex(layer.black_index) ** 2)


def torcwa(stack: Stack, orders: int, *, precision: str) -> Absorb:
    """torcwa; power into the substrate from its amplitudes, for it may absorb."""
    import torch
    import torcwa

    dtype = torch.complex128 if precision == "c128" else torch.complex64

    def absorb(image: np.ndarray) -> np.ndarray:
        sim = torcwa.rcwa(
            1 / stack.wavelength_nm, [orders] * 2, [stack.period_nm] * 2, dtype=dtype, device=torch.device("cpu")
        )
        sim.add_input_layer(eps=complex(stack.incident_index) ** 2)
        sim.add_output_layer(eps=complex(stack.substrate_index) ** 2)
        sim.set_incident_angle(0.0, 0.0)
        for layer in stack.layers:
            eps = permittivity(layer, image)
            sim.add_layer(
                layer.thickness_nm, eps=complex(eps.item()) if eps.size == 1 else torch.as_tensor(eps, dtype=dtype)
            )
        sim.solve_global_smatrix()
        span = range(-orders, orders + 1)
        pairs = [[mx, my] for mx in span for my in span]
        step = stack.wavelength_nm / stack.period_nm
        kx, ky = step * np.array(pairs).T

        def power(port: str, index: complex, polarisation: str) -> float:
            options = {"direction": "forward", "port": port, "power_norm": False}
            ex, ey = (sim.S_parameters(pairs, polarization=a + polarisation, **options).numpy() for a in "xy")
            kz = np.sqrt(complex(index) ** 2 - kx**2 - ky**2 + 0j)
            ez = -(kx * ex + ky * ey) / kz
            flux = ex.conj() * (kz * ex - kx * ez) + ey.conj() * (kz * ey - ky * ez)
            return float(flux.real.sum() / complex(stack.incident_index).real)

        ends = ("reflection", stack.incident_index), ("transmission", stack.substrate_index)
        return np.array([1 - sum(power(port, index, p) for port, index in ends) for p in "yx"])

    return absorb


def grcwa(stack: Stack, orders: int) -> Absorb:
    """grcwa, which knows double precision only."""
    import grcwa

    def absorb(image: np.ndarray) -> np.ndarray:
        cell = [stack.period_nm, 0], [0, stack.period_nm]
        sim = grcwa.obj((2 * orders + 1) ** 2, *cell, 1 / stack.wavelength_nm, 0, 0, verbose=0)
        grids = []
        sim.Add_LayerUniform(0, complex(stack.incident_index) ** 2)
        for layer in stack.layers:
            eps = permittivity(layer, image)
            if eps.size == 1:
                sim.Add_LayerUniform(layer.thickness_nm, complex(eps.item()))
            else:
                sim.Add_LayerGrid(layer.thickness_nm, *eps.shape)
                grids.append(eps.ravel())
        sim.Add_LayerUniform(0, complex(stack.substrate_index) ** 2)
        sim.Init_Setup(Gmethod=1)
        sim.GridLayer_geteps(np.concatenate(grids))
        absorbed = []
        for s, p in ((1, 0), (0, 1)):
            sim.MakeExcitationPlanewave(p, 0, s, 0, order=0)
            absorbed.append(1 - sum(np.real(sim.RT_Solve(normalize=1))))
        return np.array(absorbed)

    return absorb


def fmmax(stack: Stack, orders: int, *, precision: str) -> Absorb:
    """fmmax, compiled once for the stack by its first call; uniform layers as such, both polarisations at once."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from fmmax import basis, fields, fmm, scattering

    real, complex_ = (jnp.float64, jnp.complex128) if precision == "c128" else (jnp.float32, jnp.complex64)
    vectors = basis.LatticeVectors(
        u=stack.period_nm * jnp.asarray([1.0, 0.0], real), v=stack.period_nm * jnp.asarray([0.0, 1.0], real)
    )
    terms = (2 * orders + 1) ** 2
    expansion = basis.generate_expansion(vectors, terms, basis.Truncation.PARALLELOGRAMIC)
    if expansion.num_terms != terms:
        raise ValueError(f"fmmax must keep {terms} harmonics for equal truncation, got {expansion.num_terms}")
    eigensolve = partial(
        fmm.eigensolve_isotropic_media,
        wavelength=jnp.asarray(stack.wavelength_nm, real),
        in_plane_wavevector=jnp.zeros(2, real),
        primitive_lattice_vectors=vectors,
        expansion=expansion,
        formulation=fmm.Formulation.FFT,
    )
    thicknesses = [jnp.asarray(t, real) for t in (0.0, *(layer.thickness_nm for layer in stack.layers), 0.0)]
    ends = [jnp.full((1, 1), complex(n) ** 2, complex_) for n in (stack.incident_index, stack.substrate_index)]
    # The order 0 comes first, in either polarisation.
    incident = jnp.zeros((2 * terms, 2), complex_).at[0, 0].set(1).at[terms, 1].set(1)

    @jax.jit
    def absorbed(permittivities: list[jax.Array]) -> jax.Array:
        solved = [eigensolve(permittivity=eps) for eps in (ends[0], *permittivities, ends[1])]
        matrix = scattering.stack_s_matrix(solved, thicknesses)
        arriving, reflected = fields.amplitude_poynting_flux(incident, matrix.s21 @ incident, solved[0])
        crossing, _ = fields.amplitude_poynting_flux(matrix.s11 @ incident, jnp.zeros_like(incident), solved[-1])
        power = arriving.sum(axis=-2)
        return 1 + (reflected.sum(axis=-2) - crossing.sum(axis=-2)) / power

    def absorb(image: np.ndarray) -> np.ndarray:
        permittivities = [jnp.asarray(permittivity(layer, image), complex_) for layer in stack.layers]
        # The first amplitude has E along y at normal incidence or along x, as its eigenvectors come.
        return np.asarray(absorbed(permittivities))

    return absorb


OURS: dict[str, Code] = {
    **{f"ours_{text}": partial(ours, solver="auto", accuracy=float(text)) for text in ACCURACIES},
    "transfer": partial(ours, solver="transfer", accuracy=1e-9),
    "eigen": partial(ours, solver="eigen", accuracy=1e-9),
}
PEERS: dict[str, Code] = {
    "fmmax_c128": partial(fmmax, precision="c128"),
    "fmmax_c64": partial(fmmax, precision="c64"),
    "torcwa_c128": partial(torcwa, precision="c128"),
    "torcwa_c64": partial(torcwa, precision="c64"),
    "grcwa_c128": grcwa,
}


def installed_peers() -> dict[str, Code]:
    """Those of ``PEERS`` that can be imported."""
    return {name: code for name, code in PEERS.items() if importlib.util.find_spec(name.partition("_")[0])}
