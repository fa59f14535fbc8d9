"""Measure a simulation store at scale: writing it, opening it, and one query of it.

    python benchmarks/store_scale.py --rows 1000000 --units 500 --json

The store holds ``--rows`` rows in ``--units`` units with images of ``--pixels`` pixels, is finished as a stage finishes
its own, and asked for ``abs(absorption-0.70)<0.001`` in a process that has read nothing of it: ``query_seconds`` is the
best of ``--repeats`` with all columns of the rows found, ``open_seconds`` and ``peak_mb`` are of that process. The same
columns go into an HDF5 file, a block a unit with a flush to disk each (``write_ratio_vs_hdf5`` is its rate over the
store's, so 2 means that the store takes twice as long), and into Parquet for DuckDB, where both are installed. What a
store costs with its images: ``--pixels 64``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

EXPRESSION = "abs(absorption-0.70)<0.001"


def unit_rows(unit: int, count: int, pixels: int) -> dict[str, np.ndarray]:
    """Rows of one unit, drawn for it alone."""
    rng = np.random.default_rng([15, unit])
    absorption = rng.normal(0.65, 0.07, count).clip(0, 1)
    reflection = rng.uniform(0, 1, count) * (1 - absorption)
    return {
        "image": rng.integers(0, 2, (count, pixels, pixels), dtype=np.uint8),
        "y": absorption,
        "absorption": absorption,
        "reflection": reflection,
        "transmission": 1 - absorption - reflection,
        "error_estimate": rng.uniform(0, 1e-9, count),
        "seconds": rng.uniform(0.01, 0.1, count).astype(np.float32),
        "seed": rng.integers(0, 2**63, count).astype(np.uint64),
        "status": np.ones(count, np.uint8),
    }


def write_store(path: Path, rows: int, units: int, pixels: int) -> tuple[float, float]:
    """Seconds that writing took, and finishing."""
    from results.stores.store import SimulationStore

    store = SimulationStore.create(
        path, capacity=rows, latent_shape=None, image_px=pixels, rows_per_unit=-(-rows // units)
    )
    spent = 0.0
    for unit in range(store.unit_count):
        where = store.unit_rows(unit)
        values = unit_rows(unit, where.stop - where.start, pixels)
        start = time.perf_counter()
        store.write_unit(unit, values)
        spent += time.perf_counter() - start
    start = time.perf_counter()
    store.finish()
    return spent, time.perf_counter() - start


def write_hdf5(path: Path, rows: int, units: int, pixels: int) -> float:
    """Seconds for a tenth of the rows as one HDF5 file, flushed after every unit, scaled to all of them."""
    import h5py

    per_unit = -(-rows // units)
    some = max(1, units // 10)
    spent = 0.0
    with h5py.File(path, "w") as file:
        for unit in range(some):
            values = unit_rows(unit, per_unit, pixels)
            values["image"] = np.packbits(values["image"].reshape(per_unit, -1), axis=1)
            start = time.perf_counter()
            for name, column in values.items():
                if unit == 0:
                    chunk = (min(per_unit, 4096), *column.shape[1:])
                    file.create_dataset(name, (some * per_unit, *column.shape[1:]), column.dtype, chunks=chunk)
                file[name][unit * per_unit : (unit + 1) * per_unit] = column
            file.flush()
            os.fsync(file.id.get_vfd_handle())
            spent += time.perf_counter() - start
    return spent * rows / (some * per_unit)


def ask_once(path: Path, repeats: int, results: Any) -> None:
    """Open and query in a fresh process; puts seconds to open, seconds to ask, rows found, peak MB."""
    from results.queries.query import Question, ask
    from results.stores.store import SimulationStore

    start = time.perf_counter()
    SimulationStore.open(path)
    opened = time.perf_counter() - start
    best, found = np.inf, 0
    for _ in range(repeats):
        start = time.perf_counter()
        found = len(ask({path.name: SimulationStore.open(path)}, Question(EXPRESSION)))
        best = min(best, time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put((opened, best, found, peak))


def ask_duckdb(folder: Path, store: Path) -> tuple[float | None, str]:
    """Seconds that DuckDB takes for the same rows of a Parquet file; None, and why, where it cannot be asked."""
    for package in ("duckdb", "pyarrow"):
        if importlib.util.find_spec(package) is None:
            return None, f"{package} is not installed"
    import duckdb
    import pyarrow
    import pyarrow.parquet

    from results.stores.store import SimulationStore

    opened = SimulationStore.open(store)
    table = pyarrow.table({name: opened.read(name)[name] for name in opened.columns})
    pyarrow.parquet.write_table(table, folder / "rows.parquet")
    start = time.perf_counter()
    duckdb.sql(f"select * from '{folder}/rows.parquet' where abs(absorption-0.70)<0.001 and status=1").fetchnumpy()
    return time.perf_counter() - start, ""


def measure(rows: int, units: int, pixels: int, repeats: int, folder: Path) -> dict[str, Any]:
    """All figures; see the module."""
    path = folder / "scale.zarr"
    written, finished = write_store(path, rows, units, pixels)
    hdf5 = write_hdf5(folder / "scale.h5", rows, units, pixels)
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=ask_once, args=(path, repeats, answers))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"the query ended with exit code {process.exitcode}")
    opened, asked, found, peak = answers.get()
    duckdb_seconds, reason = ask_duckdb(folder, path)
    return {
        "rows": rows,
        "units": units,
        "pixels": pixels,
        "open_seconds": opened,
        "query_seconds": asked,
        "rows_found": found,
        "peak_mb": peak,
        "files": sum(len(files) for _, _, files in os.walk(path)),
        "write_rows_per_second": rows / (written + finished),
        "finish_seconds": finished,
        "write_ratio_vs_hdf5": (written + finished) / hdf5,
        "duckdb_seconds": duckdb_seconds,
        "duckdb_reason": reason or None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--pixels", type=int, default=16, help="side of the images")
    parser.add_argument("--repeats", type=int, default=3, help="queries, of which the quickest counts")
    parser.add_argument("--folder", type=Path, help="where to write; default: the system's place for such files")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not 1 <= asked.units <= asked.rows:
        raise SystemExit(f"--units must be from 1 to --rows ({asked.rows}), got {asked.units}")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        figures = measure(asked.rows, asked.units, asked.pixels, asked.repeats, Path(folder))
    if asked.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:24}{value:.4g}" if isinstance(value, float) else f"{name:24}{value}")


if __name__ == "__main__":
    main()
