"""Fit a family of stacks to published pairs of image and property, judged by pairs that were not fitted to.

Many starts, spread evenly over the ranges and over all choices of materials, are screened on all images. For every fold
the best of them on the other folds descend by gradients on those, and the one that fits them best predicts the fold.
The same with all pairs gives the stack that comes out. Every step is a task for a worker, and every result is kept in a
folder named after all that enters it, so that a calibration which was stopped goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from io import StringIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from campaign.keys import code_fingerprint, digest, seed_for
from campaign.problems import Breach, refuse
from campaign.rules import suggestion
from campaign.run import write_json
from campaign.spec import Count, FilmLayer, Model, Name, Physics, Range, Seed
from photonics.materials import TABLES, table

if TYPE_CHECKING:
    from cluster.pool import WorkerPool
    from photonics.calibration import Family

# Ranges around the values of a physics file that says nothing of what to fit: the value divided and multiplied by this.
USUAL_FACTOR = 1.3
STARTS_PER_TASK = 4
Progress = Callable[[int, int, str], None]


class Ranges(Model):
    """What is free, and between which values; lengths in nm."""

    wavelength_nm: Range | None = None
    pixel_nm: Range | None = None
    thickness_nm: dict[Name, Range] = Field(default={}, description="by layer")
    materials: dict[Name, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default={}, description="tables to try for a material of the stack"
    )


class Calibration(Model):
    """A family of stacks: one of them, and what may differ from it."""

    physics: Physics
    fit: Ranges = Ranges()
    starts: Count = Field(default=256, description="starts for each choice of materials")
    descents: Count = Field(default=3, description="best starts that descend, for each fold and for all pairs")
    iterations: Count = Field(default=12, description="steps of a descent")
    folds: Annotated[int, Field(ge=2)] = 5
    seed: Seed = 2020

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse(_rules(self))
        return self


def _rules(calibration: Calibration) -> Iterator[Breach]:
    """Ranges are of what the stack has, and of one wavelength."""
    physics, fit = calibration.physics, calibration.fit
    if isinstance(physics.wavelength_nm, tuple):
        yield Breach(("physics", "wavelength_nm"), "must be one number to calibrate", "write one wavelength")
    layers = [layer.name for layer in physics.layers]
    for name in fit.thickness_nm:
        if name not in layers:
            yield Breach(("fit", "thickness_nm", name), "must be a layer of the stack", suggestion(name, layers))
    ranges: dict[tuple[str, ...], Range | None] = {
        ("wavelength_nm",): fit.wavelength_nm,
        ("pixel_nm",): fit.pixel_nm,
    }
    ranges |= {("thickness_nm", name): interval for name, interval in fit.thickness_nm.items()}
    for where, interval in ranges.items():
        if interval is not None and not 0 < interval.low < interval.high:
            yield Breach(("fit", *where), "must be [low, high] with 0 < low < high", "for example [100, 300]")
    for name, tables in fit.materials.items():
        if name not in physics.materials:
            yield Breach(
                ("fit", "materials", name), "must be a material of the stack", suggestion(name, physics.materials)
            )
        for position, choice in enumerate(tables):
            if choice not in TABLES:
                yield Breach(
                    ("fit", "materials", name, position), "must name a tabulated material", suggestion(choice, TABLES)
                )


@dataclass(frozen=True)
class Agreement:
    """How a simulated property compares with the published one."""

    r: float
    rmse: float
    bias: float
    std_ratio: float
    n: int

    @classmethod
    def of(cls, simulated: np.ndarray, published: np.ndarray) -> Agreement:
        """Compare arrays (n,); pairs whose simulation is NaN are left out."""
        known = np.isfinite(simulated)
        simulated, published = simulated[known], published[known]
        error = simulated - published
        return cls(
            float(np.corrcoef(simulated, published)[0, 1]) if len(error) > 1 else float("nan"),
            float(np.sqrt(np.mean(error**2))),
            float(np.mean(error)),
            float(simulated.std() / published.std()) if len(error) > 1 else float("nan"),
            len(error),
        )


@dataclass(frozen=True)
class Candidate:
    """One point of one family: which choice of materials, its parameters, and its mean squared error."""

    choice: int
    values: tuple[float, ...]
    loss: float


@dataclass(frozen=True)
class Outcome:
    """What a calibration found: the stack, how it fits all pairs, and how well others predicted held-out ones."""

    physics: Physics
    fitted: Agreement
    held_out: Agreement
    predictions: np.ndarray


def calibrate(
    calibration: Calibration,
    orders: int,
    images: np.ndarray,
    published: np.ndarray,
    pool: WorkerPool,
    runs: Path,
    progress: Progress,
) -> Outcome:
    """Fit ``calibration`` with so many diffraction orders to images (n, H, W) of published property (n,).

    ``progress(done, total, what)`` hears of every finished task. Raises RuntimeError if no start could be simulated.
    """
    from photonics.calibration import refine, screen, starts

    choices = list(_choices(calibration))
    families = [_family(calibration, orders, choice, images.shape[-1]) for choice in choices]
    journal = Journal(runs / "calibrations" / _key(calibration, orders, images, published), pool, progress)
    points = [
        starts(
            family, calibration.starts, int(seed_for(calibration.seed, "calibration", str(index)).generate_state(1)[0])
        )
        for index, family in enumerate(families)
    ]
    chunks = {
        f"screen-{c}-{i}": (families[c], points[c][i : i + STARTS_PER_TASK], images)
        for c in range(len(families))
        for i in range(0, calibration.starts, STARTS_PER_TASK)
    }
    screened = journal.run("starts", screen, chunks)
    candidates = [(c, values) for c in range(len(families)) for values in points[c]]
    simulated = np.concatenate([np.asarray(screened[name], dtype=float) for name in chunks])
    if not np.isfinite(simulated).all(axis=1).any():
        raise RuntimeError("no start could be simulated: widen the ranges, or change the wavelengths to the tables'")

    folds = np.arange(len(images)) % calibration.folds
    parts = {**{f"fold-{fold}": folds != fold for fold in range(calibration.folds)}, "all": folds >= 0}
    descents = {}
    for part, chosen in parts.items():
        losses = np.mean((simulated[:, chosen] - published[chosen]) ** 2, axis=1)
        for rank, position in enumerate(np.argsort(losses)[: calibration.descents]):
            c, values = candidates[position]
            arguments = (families[c], values, images[chosen], published[chosen], calibration.iterations)
            descents[f"{part}-{rank}"] = (c, arguments)
    fits = journal.run("descents", refine, {name: arguments for name, (_, arguments) in descents.items()})
    best = {
        part: min(
            (
                Candidate(choice, tuple(fits[name]["values"]), fits[name]["loss"])
                for name, (choice, _) in descents.items()
                if name.rpartition("-")[0] == part
            ),
            key=lambda candidate: candidate.loss,
        )
        for part in parts
    }
    checks = {part: (families[at.choice], np.array([at.values]), images) for part, at in best.items()}
    checked = {part: np.asarray(rows[0], dtype=float) for part, rows in journal.run("checks", screen, checks).items()}
    predictions = np.array([checked[f"fold-{fold}"][i] for i, fold in enumerate(folds)])
    final = best["all"]
    return Outcome(
        _fitted_physics(calibration, choices[final.choice], families[final.choice], final.values, images.shape[-1]),
        Agreement.of(checked["all"], published),
        Agreement.of(predictions, published),
        predictions,
    )


class Journal:
    """Runs tasks on workers and keeps every result in a file of its own; what is there already is not run again."""

    def __init__(self, folder: Path, pool: WorkerPool, progress: Progress) -> None:
        self.folder, self._pool, self._progress = folder, pool, progress
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, what: str, function: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        """Results of ``function`` for each tuple of arguments, by name, as JSON knows them."""
        found = {name: _read(self.folder / f"{name}.json") for name in tasks}
        missing = [name for name in tasks if found[name] is None]
        self._progress(len(tasks) - len(missing), len(tasks), what)
        shared = self._pool.share(function)
        futures = {self._pool.submit(shared, *tasks[name]): name for name in missing}
        for done, future in enumerate(as_completed(futures), len(tasks) - len(missing) + 1):
            name = futures[future]
            found[name] = _plain(future.result())
            write_json(self.folder / f"{name}.json", found[name])
            self._progress(done, len(tasks), what)
        return found


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def _plain(result: Any) -> Any:
    """A result as JSON knows it; NaN becomes None and comes back as NaN."""
    if isinstance(result, np.ndarray):
        return [[value if np.isfinite(value) else None for value in row] for row in result.tolist()]
    return {"values": result.values.tolist(), "loss": result.loss if np.isfinite(result.loss) else 1e300}


def _choices(calibration: Calibration) -> Iterator[dict[str, str]]:
    """Every combination of tables that the family allows."""
    names = list(calibration.fit.materials)
    for tables in product(*calibration.fit.materials.values()):
        yield dict(zip(names, tables, strict=True))


def _key(calibration: Calibration, orders: int, images: np.ndarray, published: np.ndarray) -> str:
    """Content address of all that the results depend on."""
    data = hashlib.sha256(np.ascontiguousarray(images).tobytes() + np.ascontiguousarray(published).tobytes())
    code = code_fingerprint("photonics.calibration")
    config = calibration.model_dump(mode="json")
    return digest({"calibration": config, "orders": orders, "data": data.hexdigest(), "code": code})[:16]


def _family(calibration: Calibration, orders: int, choice: Mapping[str, str], image_px: int) -> Family:
    from photonics.calibration import PERIOD, WAVELENGTH, Family, FamilyLayer
    from photonics.rcwa import Numerics

    physics, fit = calibration.physics, calibration.fit
    assert not isinstance(physics.wavelength_nm, tuple)
    values = {WAVELENGTH: physics.wavelength_nm, PERIOD: physics.pixel_nm * image_px}
    values |= {layer.name: layer.thickness_nm for layer in physics.layers}
    ranges: dict[str, tuple[float, float]] = {name: (r.low, r.high) for name, r in fit.thickness_nm.items()}
    if fit.wavelength_nm is not None:
        ranges[WAVELENGTH] = fit.wavelength_nm.low, fit.wavelength_nm.high
    if fit.pixel_nm is not None:
        ranges[PERIOD] = fit.pixel_nm.low * image_px, fit.pixel_nm.high * image_px
    if not ranges and not fit.materials:
        ranges = {name: (value / USUAL_FACTOR, value * USUAL_FACTOR) for name, value in values.items()}
    materials: dict[str, Any] = {}
    for name in physics.used_materials():
        material = physics.materials[name]
        if name in choice:
            materials[name] = table(choice[name])
        else:
            materials[name] = table(material.table) if hasattr(material, "table") else complex(material.n, material.k)
    numerics = physics.numerics.model_dump(exclude={"orders"})
    return Family(
        tuple(
            FamilyLayer(layer.name, (layer.material,) if isinstance(layer, FilmLayer) else (layer.white, layer.black))
            for layer in physics.layers
        ),
        materials,
        physics.incident,
        physics.substrate,
        Numerics(orders, **numerics),
        physics.property,
        ranges,
        {name: value for name, value in values.items() if name not in ranges},
    )


def _fitted_physics(
    calibration: Calibration, choice: Mapping[str, str], family: Family, values: tuple[float, ...], image_px: int
) -> Physics:
    """The family's physics with the parameters that were found, rounded to what can be made."""
    from photonics.calibration import PERIOD, WAVELENGTH

    known = {**family.fixed, **dict(zip(family.free, values, strict=True))}
    physics = calibration.physics.model_dump(mode="json", exclude_none=True)
    physics["wavelength_nm"] = round(known[WAVELENGTH], 2)
    physics["pixel_nm"] = round(known[PERIOD] / image_px, 4)
    for layer in physics["layers"]:
        layer["thickness_nm"] = round(known[layer["name"]], 2)
    physics["materials"] |= {name: {"table": chosen} for name, chosen in choice.items()}
    return Physics.model_validate(physics)


def physics_yaml(physics: Physics, comments: Sequence[str]) -> str:
    """A physics file with ``comments`` at its head; values that are the default stay out."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 110
    text = StringIO()
    yaml.dump(physics.model_dump(mode="json", exclude_none=True, exclude_defaults=True), text)
    return "".join(f"# {line}\n" for line in comments) + text.getvalue()
