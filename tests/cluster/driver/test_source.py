"""Imports from a copy: ahead of everything else on the path, here and in Ray's workers; and what is shipped of it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from zipfile import ZipFile

import pytest

from cluster.driver.source import Source, imports_from, worker_setup_hook

PROJECT = Path(__file__).parents[3]
WORKERS = """
import logging
from pathlib import Path

import ray

from cluster.driver.source import imports_from, worker_setup_hook

with imports_from(Path({copy!r}), ["parcel"]):
    options = {{"worker_process_setup_hook": worker_setup_hook()}}
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL,
             runtime_env=options)

    @ray.remote
    def where():
        import parcel.inner
        return parcel.inner.WHERE

    print(ray.get(where.remote()))
"""


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A package as it stands, on the path, and a copy of it that says where it is."""
    for name in ("live", "copy"):
        (tmp_path / name / "parcel").mkdir(parents=True)
        (tmp_path / name / "parcel" / "__init__.py").touch()
        (tmp_path / name / "parcel" / "inner.py").write_text(f"WHERE = {name!r}\n")
    (tmp_path / "live" / "parcel" / "added.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "live"))
    yield tmp_path / "live", tmp_path / "copy"
    for name in [name for name in sys.modules if name.startswith("parcel")]:
        del sys.modules[name]


def test_the_copy_wins_even_for_packages_that_are_loaded(trees: tuple[Path, Path]) -> None:
    importlib.import_module("parcel")
    with imports_from(trees[1], ["parcel"]):
        assert importlib.import_module("parcel.inner").WHERE == "copy"
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'parcel.added' in "):
            importlib.import_module("parcel.added")
    importlib.import_module("parcel.added")


def test_data_files_of_loaded_packages_come_from_the_copy(trees: tuple[Path, Path]) -> None:
    for tree in trees:
        (tree / "parcel" / "data.txt").write_text(tree.name)
    importlib.import_module("parcel")
    with imports_from(trees[1], ["parcel"]):
        assert files("parcel").joinpath("data.txt").read_text() == "copy"
    assert files("parcel").joinpath("data.txt").read_text() == "live"


def test_only_the_named_packages_come_from_the_copy(trees: tuple[Path, Path]) -> None:
    with imports_from(trees[1], ["other"]):
        assert importlib.import_module("parcel.inner").WHERE == "live"


def test_afterwards_all_is_as_before(trees: tuple[Path, Path]) -> None:
    before = list(sys.meta_path)
    with pytest.raises(KeyError), imports_from(trees[1], ["parcel"]):
        raise KeyError
    assert sys.meta_path == before
    assert worker_setup_hook() is None


@pytest.mark.slow  # with every change, test_whole_path.py edits the tree beside a run
@pytest.mark.ray
def test_workers_import_the_copy_where_the_driver_stands_in_the_tree(trees: tuple[Path, Path], tmp_path: Path) -> None:
    live, copy = trees
    (tmp_path / "driver.py").write_text(WORKERS.format(copy=str(copy)))
    command = [sys.executable, tmp_path / "driver.py"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(command, cwd=live, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "copy", done.stderr


def test_packages_are_shipped_and_nothing_else(tmp_path: Path) -> None:
    packaging = pytest.importorskip("ray._private.runtime_env.packaging")
    folder = tmp_path / "source"
    for name in ("photonics/rcwa/slab.py", "photonics/data/air.yaml", "results/stores/store.py", "runs/big.zarr",
                 "odd [name]/x.py", "photonics/__pycache__/slab.pyc", "alone.py", "other.py"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    told = Source(folder, ("photonics", "results", "alone")).runtime_env()
    archive = tmp_path / "shipped.zip"
    packaging.create_package(str(folder), archive, include_gitignore=False, excludes=told["excludes"])
    files = {name for name in ZipFile(archive).namelist() if not name.endswith("/")}
    assert files == {"photonics/rcwa/slab.py", "photonics/data/air.yaml", "results/stores/store.py", "alone.py"}
    assert told["working_dir"] == str(folder)
