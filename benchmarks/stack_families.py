"""How well each family of stacks can follow published labels: a calibration of every one, side by side.

    python benchmarks/stack_families.py dataset_z4_part.hdf5 [FAMILY.yaml ...] [--orders M ...] [--json]

Families are the files of specs/calibration/families unless others are named, and each is calibrated as by `campaign
calibrate`, with --orders once for each truncation; one that was stopped goes on. Without --json, the table is also
written into the folder --output, as stack_families.csv, or stack_truncations.csv with --orders.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from curves import Row, save_rows
from rich.console import Console
from rich.table import Table

from campaign import api
from campaign.record.display import counting
from campaign.spec.materials import TabulatedIndex
from campaign.spec.problems import SpecError
from results.exchange.hdf5 import ImportDataError

SHOWN = ("family", "orders", "r_fitted", "r_held_out", "rmse_held_out")  # on the screen; all is in the file
IMAGE_PX = 64  # of the published pairs
FAMILIES = Path(__file__).parents[1] / "specs" / "calibration" / "families"


def calibrated(file: Path, orders: int | None, data: Path, runs: Path) -> Row:
    """Best member of a family: how it agrees with the pairs fitted to, and the family with pairs held out."""
    console = Console(stderr=True)
    console.print(f"{file.stem}{'' if orders is None else f' at {orders} orders'} ...")
    with counting(console) as progress, TemporaryDirectory() as folder:
        asked = file if orders is None else Path(folder) / file.name
        if orders is not None:
            asked.write_text(f"include: {file.absolute()}\nfit: {{orders: [{orders}]}}\n", encoding="utf-8")
        outcome = api.calibrate(asked, data, runs=runs, progress=progress)
    physics = outcome.physics
    tables = {
        name: material.table for name, material in physics.materials.items() if isinstance(material, TabulatedIndex)
    }
    return {
        "family": file.stem,
        "what": file.read_text(encoding="utf-8").partition("\n")[0].strip("# ."),
        "r_fitted": round(outcome.fitted.r, 3),
        "r_held_out": round(outcome.held_out.r, 3),
        "rmse_held_out": round(outcome.held_out.rmse, 4),
        "orders": outcome.orders,
        "wavelength_nm": round(float(np.mean(physics.wavelengths_nm())), 1),
        "period_nm": round(physics.pixel_nm * IMAGE_PX),
        "layers": ", ".join(f"{layer.name} {layer.thickness_nm:.0f} nm" for layer in physics.layers),
        "materials": ", ".join(f"{name} {tables[name]}" for name in physics.used_materials() if name in tables),
    }


def main() -> None:
    shipped = sorted(FAMILIES.glob("*.yaml"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a data set in the published layout (.hdf5: z, x, y)")
    parser.add_argument("families", type=Path, nargs="*", default=shipped, metavar="FAMILY.yaml")
    parser.add_argument("--orders", type=int, nargs="+", help="truncations; default: that of each family")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder that keeps what is done")
    parser.add_argument("--output", type=Path, default=Path("docs/results"))
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table, and write no file")
    arguments = parser.parse_args()
    try:
        rows = [
            calibrated(file, orders, arguments.data, arguments.runs)
            for file in arguments.families
            for orders in arguments.orders or (None,)
        ]
    except (SpecError, ImportDataError, FileNotFoundError) as error:
        parser.exit(2, f"{error}\n")
    rows.sort(key=lambda row: -float(row["r_held_out"]))
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(*SHOWN)
    for row in rows:
        table.add_row(*(str(row[name]) for name in SHOWN))
    Console().print(table)
    name = "stack_truncations" if arguments.orders else "stack_families"
    save_rows(rows, arguments.output, name)
    print(f"written: {arguments.output / name}.csv")


if __name__ == "__main__":
    main()
