"""The folder of designs: images, numbers, a contact sheet and a store, there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from campaign.design.make import rounded
from campaign.design.outcome import DesignOutcome
from campaign.plan.optics import Optics
from campaign.record.provenance import provenance
from ganmdn.targets import target_column
from results.fabrication.length_scale import minimum_length_scale
from results.figures.contact_sheet import SheetDesign, contact_sheet
from results.figures.style import write_figure
from results.files import atomic_folder, write_json
from results.pictures import save_picture
from results.stores.layout import Status, split_columns
from results.stores.store import SimulationStore
from results.wanted import cell, plain

ARRAYS_FILE, FACTS_FILE, STORE, SHEET, PICTURES = "designs.npz", "designs.json", "designs.zarr", "sheet", "images"


def check_vacant(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless it holds designs and they may be overwritten.

    Raises
    ------
    ValueError
        It may not be written.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder for the designs")
    if not any(folder.iterdir()):
        return
    if not (folder / FACTS_FILE).is_file():
        raise ValueError(f"{folder} holds something that is no designs (no {FACTS_FILE}); name another folder")
    if not overwrite:
        raise ValueError(f"{folder} holds designs already; name another folder, or add --overwrite")


def write_designs(outcome: DesignOutcome, folder: Path, overwrite: bool = False) -> None:
    """Write ``designs.npz``, ``designs.json``, ``sheet.png``, ``images/`` and ``designs.zarr`` into a folder.

    Raises
    ------
    ValueError
        See ``check_vacant``.
    OSError
        It cannot be written.
    """
    check_vacant(folder, overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _replaced(folder) as place:
        place.mkdir()
        np.savez_compressed(place / ARRAYS_FILE, allow_pickle=False, **_arrays(outcome))
        write_json(place / FACTS_FILE, facts(outcome))
        _write_pictures(outcome, place)
        _write_store(outcome, place / STORE)


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """As ``atomic_folder``; what had the name is set aside once the new folder is whole, and removed at the end."""
    before = folder.with_name(f".{folder.name}.replaced")
    with atomic_folder(folder) as place:
        yield place
        if folder.exists():
            shutil.rmtree(before, ignore_errors=True)
            folder.rename(before)
    shutil.rmtree(before, ignore_errors=True)


def _arrays(outcome: DesignOutcome) -> dict[str, Any]:
    columns: dict[str, Any] = {"image": outcome.images, **_columns(outcome), "y": outcome.y, "rep": outcome.rep}
    return columns if outcome.z is None else {**columns, "z": outcome.z}


def _columns(outcome: DesignOutcome) -> dict[str, np.ndarray]:
    return {
        "asked": target_column(outcome.asked),
        "target": target_column(outcome.target),
        "predicted": outcome.predicted,
        "half_width": outcome.half_width,
        "moved_px": outcome.moved_px,
    }


def facts(outcome: DesignOutcome) -> dict[str, Any]:
    """All that is known of the designs but their images, as plain JSON data; null where there is no number."""
    source, request = outcome.source, outcome.request
    return {
        "run": str(source.run.absolute()),
        "dataset": source.dataset,
        "method": source.method,
        "properties": list(source.spec.property_names),
        "request": {**asdict(request), "targets": [cell(target) for target in request.targets]},
        "reach": {"low": plain(source.reach.low), "high": plain(source.reach.high)},
        "pixel_nm": source.pixel_nm,
        "image_px": outcome.images.shape[-1],
        "simulations": {str(target): count for target, count in outcome.simulations.items()},
        "keys": dict(source.keys),
        "designs": [_design_facts(outcome, row) for row in range(len(outcome))],
        "made_by": provenance(outcome.seed),
    }


def _design_facts(outcome: DesignOutcome, row: int) -> dict[str, Any]:
    predicted, half_width = (np.atleast_1d(part[row]) for part in (outcome.predicted, outcome.half_width))
    intervals = [_interval(*pair) for pair in zip(predicted, half_width, strict=True)]
    return {
        "number": row,
        "picture": f"{PICTURES}/{name_of(outcome, row)}.png",
        "asked": cell(outcome.asked[row]),
        "target": cell(outcome.target[row]),
        "predicted_y": plain([_number(each) for each in predicted]),
        "interval_90": plain(intervals),
        "simulated_y": plain([_number(each) for each in np.atleast_1d(outcome.y[row])]),
        "rep_percent": _number(outcome.rep[row]),
        "white_fraction": float(outcome.images[row].mean()),
        "moved_px": int(outcome.moved_px[row]),
        "min_feature_nm": _features_nm(outcome, row),
        "z": None if outcome.z is None else outcome.z[row].tolist(),
    }


def _features_nm(outcome: DesignOutcome, row: int) -> dict[str, float] | None:
    """Of white and black, by the published measure, where it was asked for."""
    pixel_nm = outcome.source.pixel_nm
    if outcome.request.min_feature_nm is None or pixel_nm is None:
        return None
    white, black = minimum_length_scale(outcome.images[row])
    return {"white": white * pixel_nm, "black": black * pixel_nm}


def name_of(outcome: DesignOutcome, row: int) -> str:
    """Name of a design: its number, and what it was designed for."""
    return f"{row:0{len(str(len(outcome) - 1))}d}-target-{rounded(outcome.target[row])}"


def _interval(middle: float, half_width: float) -> list[float] | None:
    return [float(middle - half_width), float(middle + half_width)] if np.isfinite(middle + half_width) else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _write_pictures(outcome: DesignOutcome, folder: Path) -> None:
    (folder / PICTURES).mkdir()
    for row, image in enumerate(outcome.images):
        save_picture(image, folder / PICTURES / f"{name_of(outcome, row)}.png")
    write_figure(_sheet(outcome), [folder / f"{SHEET}.png"])


def _sheet(outcome: DesignOutcome) -> Any:
    sections = []
    for asked in dict.fromkeys(outcome.asked):
        rows = [row for row, each in enumerate(outcome.asked) if each == asked]
        target = outcome.target[rows[0]]
        nearest = "" if target == asked else f", out of reach: designed for {rounded(target)}"
        heading = f"target {outcome.source.spec.property_name} {asked.label}{nearest}"
        sections.append((heading, [_sheet_design(outcome, row) for row in rows]))
    source = outcome.source
    return contact_sheet(f"{source.method} on {source.dataset}, run {source.run.name}", sections, _legend(outcome))


def _sheet_design(outcome: DesignOutcome, row: int) -> SheetDesign:
    predicted, half_width, y = (
        np.atleast_1d(part[row]).tolist() for part in (outcome.predicted, outcome.half_width, outcome.y)
    )
    return SheetDesign(outcome.images[row], row, predicted, half_width, y, float(outcome.rep[row]))


def _legend(outcome: DesignOutcome) -> str:
    physics = outcome.source.physics
    if not isinstance(physics, Optics):
        return "(…%): distance from the target"
    pattern = next(layer for layer in physics.layers if layer.kind == "pattern")
    interval = "; ±: 90 % interval" if np.isfinite(outcome.half_width).any() else ""
    orders = "" if outcome.source.simulates_as_labels else f"; simulated with {physics.numerics.orders} orders"
    return (
        f"white: {pattern.white}, black: {pattern.black}; one period of {physics.period_nm:.0f} nm{interval}{orders}; "
        "(%): distance from the target"
    )


def _write_store(outcome: DesignOutcome, path: Path) -> None:
    """A row a design; one that was not simulated is done, and its numbers are not-a-number."""
    source, count = outcome.source, len(outcome)
    columns = split_columns(_columns(outcome))
    physics = source.physics
    store = SimulationStore.create(
        path,
        capacity=count,
        latent_shape=None if outcome.z is None else outcome.z.shape[1:],
        image_px=outcome.images.shape[-1],
        rows_per_unit=count,
        layers=[layer.name for layer in physics.layers] if isinstance(physics, Optics) else (),
        wavelengths_nm=physics.wavelengths_nm if isinstance(physics, Optics) else (),
        properties=[each.name for each in source.spec.physics.properties()],
        inputs={name: column.dtype for name, column in columns.items()},
        attributes={"physics": physics.model_dump(mode="json"), "run": str(source.run.absolute())},
    )
    rows = {"image": outcome.images, **columns, "status": np.full(count, Status.DONE), **outcome.simulated}
    if outcome.z is not None:
        rows["z"] = outcome.z
    store.write_unit(0, {**rows, "seed": np.arange(count, dtype=np.uint64)})
    store.finish()
