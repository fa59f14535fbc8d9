"""Agreement and speed of the RCWA solvers beside torcwa and grcwa at equal truncation, on a deep and a shallow problem.

    python benchmarks/rcwa_agreement.py [--orders 5] [--images 3] [--repeats 3] [--json]

Every code solves the same equations (Laurent's rule, DFT of the pixels, square truncation, complex128, both
polarisations), so absorptions must agree to rounding. Times are medians over interleaved runs of one image on one
thread. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from photonics.rcwa import Numerics, solve
from photonics.stack import PatternLayer, Stack, UniformLayer

# Absorbed fraction (2,), s then p at azimuth 0, of one image (H, W) at a number of orders.
Code = Callable[[Stack, np.ndarray, int], np.ndarray]
JUDGE, FAST = "eigen", "transfer"


def deep_problem() -> Stack:
    """A silicon film on a metal, etched deeply: many strongly coupled orders."""
    silicon = 4.2 + 0.06j
    layers = (PatternLayer("pattern", 200, silicon, 1.0), UniformLayer("film", 300, silicon))
    return Stack(650, 2000, 1.0, layers, np.sqrt(-17 + 0.7j))


def shallow_problem() -> Stack:
    """Shallow air holes in a thick silicon film, a spacer and a nearly perfect mirror; lengths in units of 1/k0."""
    silicon, unit = 4.8 + 0.025j, 650 / (2 * math.pi)
    layers = (
        PatternLayer("pattern", 0.46 * unit, 1.0, silicon),
        UniformLayer("film", 3.55 * unit, silicon),
        UniformLayer("spacer", 0.96 * unit, 2.1),
    )
    return Stack(650, 650 / 0.49, 1.0, layers, 100j)


def random_images(count: int, px: int, seed: int = 2020) -> np.ndarray:
    """Periodic blobs, uint8 (count, px, px): white noise filtered by a ring in Fourier space, cut at its median."""
    f = np.fft.fftfreq(px) * px
    ring = np.exp(-((np.hypot(f[:, None], f) - 4) ** 2) / 4)
    images = []
    for child in np.random.SeedSequence(seed).spawn(count):
        noise = np.random.default_rng(child).normal(size=(px, px))
        field = np.fft.ifft2(np.fft.fft2(noise) * ring).real
        images.append(field > np.median(field))
    return np.stack(images).astype(np.uint8)


def our_code(solver: str) -> Code:
    """One of this project's two solvers."""

    def absorbed(stack: Stack, image: np.ndarray, orders: int) -> np.ndarray:
        numerics = Numerics(orders, "square", pixels="dft", solver=solver)  # type: ignore[arg-type]
        return solve(stack, image[None], numerics).absorption[0]

    return absorbed


def permittivity(layer: PatternLayer | UniformLayer, image: np.ndarray) -> np.ndarray | complex:
    """Permittivity of a layer, on a grid with x first for a patterned one, as both peers want it."""
    if isinstance(layer, UniformLayer):
        return complex(layer.index) ** 2
    return np.where(image.T == 1, complex(layer.white_index) ** 2, complex(layer.black_index) ** 2)


def torcwa_absorption(stack: Stack, image: np.ndarray, orders: int) -> np.ndarray:
    """torcwa at normal incidence; power into the substrate from its amplitudes, for it may absorb."""
    import torcwa

    sim = torcwa.rcwa(
        1 / stack.wavelength_nm,
        [orders] * 2,
        [stack.period_nm] * 2,
        dtype=torch.complex128,
        device=torch.device("cpu"),
    )
    sim.add_input_layer(eps=complex(stack.incident_index) ** 2)
    sim.add_output_layer(eps=complex(stack.substrate_index) ** 2)
    sim.set_incident_angle(0.0, 0.0)
    for layer in stack.layers:
        eps = permittivity(layer, image)
        sim.add_layer(layer.thickness_nm, eps=torch.as_tensor(eps) if isinstance(eps, np.ndarray) else eps)
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

    return np.array(
        [
            1 - power("reflection", stack.incident_index, p) - power("transmission", stack.substrate_index, p)
            for p in "yx"
        ]
    )


def grcwa_absorption(stack: Stack, image: np.ndarray, orders: int) -> np.ndarray:
    """grcwa at normal incidence."""
    import grcwa

    sim = grcwa.obj(
        (2 * orders + 1) ** 2,
        [stack.period_nm, 0],
        [0, stack.period_nm],
        1 / stack.wavelength_nm,
        0,
        0,
        verbose=0,
    )
    grids = []
    sim.Add_LayerUniform(0, complex(stack.incident_index) ** 2)
    for layer in stack.layers:
        eps = permittivity(layer, image)
        if isinstance(eps, np.ndarray):
            sim.Add_LayerGrid(layer.thickness_nm, *eps.shape)
            grids.append(eps.ravel())
        else:
            sim.Add_LayerUniform(layer.thickness_nm, eps)
    sim.Add_LayerUniform(0, complex(stack.substrate_index) ** 2)
    sim.Init_Setup(Gmethod=1)
    sim.GridLayer_geteps(np.concatenate(grids))
    absorbed = []
    for s, p in ((1, 0), (0, 1)):
        sim.MakeExcitationPlanewave(p, 0, s, 0, order=0)
        absorbed.append(1 - sum(np.real(sim.RT_Solve(normalize=1))))
    return np.array(absorbed)


PEERS: dict[str, Code] = {"torcwa": torcwa_absorption, "grcwa": grcwa_absorption}


def compare(stack: Stack, images: np.ndarray, orders: int, repeats: int) -> list[dict[str, object]]:
    """One row a code: largest difference in absorption from the eigen-solver, median seconds, ratio to the fast one."""
    codes = {JUDGE: our_code(JUDGE), FAST: our_code(FAST)}
    codes |= {name: code for name, code in PEERS.items() if importlib.util.find_spec(name)}
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    absorbed: dict[str, list[np.ndarray]] = {name: [] for name in codes}
    for repeat in range(repeats):
        for image in images:
            for name, code in codes.items():
                started = time.perf_counter()
                result = code(stack, image, orders)
                seconds[name].append(time.perf_counter() - started)
                if repeat == 0:
                    absorbed[name].append(result)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return [
        {
            "code": name,
            "max_absorption_difference": float(np.abs(np.subtract(absorbed[name], absorbed[JUDGE])).max()),
            "seconds_per_image": medians[name],
            "times_the_fast_solver": medians[name] / medians[FAST],
        }
        for name in codes
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=5, help="orders M of the square truncation")
    parser.add_argument("--images", type=int, default=3, help="random images to compare on")
    parser.add_argument("--pixels", type=int, default=64, help="pixels along a side of an image")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of every image and code")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = random_images(arguments.images, arguments.pixels)
    with threadpool_limits(1):
        rows = {
            name: compare(stack, images, arguments.orders, arguments.repeats)
            for name, stack in (("deep", deep_problem()), ("shallow", shallow_problem()))
        }
    if arguments.json:
        print(json.dumps({"orders": arguments.orders, "images": arguments.images, "problems": rows}, indent=2))
        return
    for problem, table in rows.items():
        print(f"{problem} problem, M = {arguments.orders}, {arguments.images} images")
        for row in table:
            print(
                f"  {row['code']:9} max |dA| {row['max_absorption_difference']:.1e}   "
                f"{row['seconds_per_image']:.3f} s an image, {row['times_the_fast_solver']:5.1f} times {FAST}"
            )


if __name__ == "__main__":
    main()
