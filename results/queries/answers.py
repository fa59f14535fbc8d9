"""What a query found as files and text: CSV, JSON, Parquet, NumPy arrays, a sheet of images, a data frame."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from results.files import atomic_path, write_atomically
from results.queries.expression import QueryError
from results.queries.query import Answer
from results.stores.layout import numbered
from results.stores.store import SimulationStore

if TYPE_CHECKING:
    import pandas

MOST_ON_A_SHEET = 48
CAPTIONS = ("y", "target", "absorption")  # columns told below an image, where they are there


def to_csv(answer: Answer) -> str:
    """A line of names, then a line a row; numbers with all the digits that they need to be read back the same."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(zip(*(column.tolist() for column in answer.columns.values()), strict=True))
    return text.getvalue()


def to_json(answer: Answer) -> str:
    """A list of rows; what is not a number is null."""
    rows = [
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}
        for row in answer.rows()
    ]
    return json.dumps(rows, indent=2, allow_nan=False) + "\n"


def to_dataframe(answer: Answer) -> pandas.DataFrame:
    """A column for each of the answer's."""
    import pandas

    return pandas.DataFrame(answer.columns)


def write_parquet(answer: Answer, path: Path) -> None:
    """A Parquet file of the rows."""
    import pyarrow
    import pyarrow.parquet

    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(pyarrow.table(dict(answer.columns)), temporary)


def save_arrays(answer: Answer, stores: Mapping[str, SimulationStore], path: Path) -> None:
    """A ``.npz`` of the columns, with ``image`` (n, px, px) uint8 and, where all have one, ``z`` (n, ...) float32.

    Texts are stored as such, so that the file opens without pickles. Raises QueryError where images differ in size.
    """
    arrays = {name: _plain(column) for name, column in answer.columns.items()}
    opened = [stores[answer.stores[place]] for place in np.unique(answer.store)]
    sizes = sorted({store.layout.image_px for store in opened})
    if len(sizes) > 1:
        raise QueryError(f"images are {', '.join(map(str, sizes))} px wide here; save one store at a time")
    latents = {store.layout.latent_shape for store in opened}
    if opened:
        arrays["image"] = _rows_of(answer, stores, "image")
        if len(latents) == 1 and None not in latents:
            arrays["z"] = _rows_of(answer, stores, "z")
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def draw_images(answer: Answer, stores: Mapping[str, SimulationStore], path: Path) -> None:
    """A sheet of the first images found, each with its row's number and what it is. QueryError where nothing was."""
    from results.figures.contact_sheet import contact_sheet
    from results.figures.found import FoundImage
    from results.figures.style import write_figure

    if not len(answer):
        raise QueryError(f"no row was found, so that {path} has nothing to show")
    sections: dict[str, list[FoundImage]] = {}
    known = [[name] if name in answer.columns else numbered(name, len(answer.columns)) for name in CAPTIONS]
    names = [name for each in known for name in each if name in answer.columns] or list(answer.columns)[1:3]
    for place in range(min(len(answer), MOST_ON_A_SHEET)):
        name, row = answer.stores[answer.store[place]], int(answer.sim[place])
        facts = {each: answer.columns[each][place] for each in names}
        image = stores[name].images(rows=[row])[0]
        sections.setdefault(name, []).append(FoundImage(image, row, facts))
    more = f" of {len(answer)} found, the first {MOST_ON_A_SHEET}" if len(answer) > MOST_ON_A_SHEET else " found"
    sheet = contact_sheet(f"Simulations{more}", list(sections.items()), "White is 1, black is 0.")
    write_figure(sheet, [path])


def _rows_of(answer: Answer, stores: Mapping[str, SimulationStore], name: str) -> np.ndarray:
    """One array of every row found, images unpacked."""
    parts, places = [], []
    for place in np.unique(answer.store):
        here = np.flatnonzero(answer.store == place)
        numbers, back = np.unique(answer.sim[here], return_inverse=True)
        parts.append(stores[answer.stores[place]].read(name, rows=numbers)[name][back])
        places.append(here)
    return np.concatenate(parts)[np.argsort(np.concatenate(places), kind="stable")]


def _plain(column: np.ndarray) -> np.ndarray:
    return column.astype(str) if column.dtype.kind == "O" else column


def write_answer(answer: Answer, style: str, path: Path) -> None:
    """One of the styles ``csv``, ``json`` and ``parquet`` as a file."""
    if style == "parquet":
        write_parquet(answer, path)
    else:
        write_atomically(path, {"csv": to_csv, "json": to_json}[style](answer))
