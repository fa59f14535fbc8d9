"""What of a folder is shipped, as Ray reads it."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from cluster.driver.source import Source


def test_packages_are_shipped_and_nothing_else(tmp_path: Path) -> None:
    packaging = pytest.importorskip("ray._private.runtime_env.packaging")
    folder = tmp_path / "source"
    for name in ("photonics/rcwa/slab.py", "photonics/data/air.yaml", "results/store.py", "runs/big.zarr",
                 "odd [name]/x.py", "photonics/__pycache__/slab.pyc", "alone.py", "other.py"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    told = Source(folder, ("photonics", "results", "alone")).runtime_env()
    archive = tmp_path / "shipped.zip"
    packaging.create_package(str(folder), archive, include_gitignore=False, excludes=told["excludes"])
    files = {name for name in ZipFile(archive).namelist() if not name.endswith("/")}
    assert files == {"photonics/rcwa/slab.py", "photonics/data/air.yaml", "results/store.py", "alone.py"}
    assert told["working_dir"] == str(folder)
