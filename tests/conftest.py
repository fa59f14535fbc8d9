"""Fixtures that several packages' tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_lab import LabUnavailable, SlurmLab

PUBLISHED_FILES = ("weights.pickle", "MDN_weights.h5", "dataset_z4_part.hdf5")


@pytest.fixture(scope="session")
def authors_dir() -> Path:
    """Folder of the authors' published files, or a skip that says where they were looked for."""
    default = Path(__file__).parents[2] / "shared" / "authors"
    folder = Path(os.environ.get("GANMDN_AUTHORS", default))
    missing = [name for name in PUBLISHED_FILES if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"the authors' files are not in {folder} (missing {', '.join(missing)}); set GANMDN_AUTHORS")
    return folder


@pytest.fixture(scope="session")
def slurm_lab() -> Iterator[SlurmLab]:
    """A real Slurm of three virtual nodes, or a skip that says why there is none."""
    lab = SlurmLab(f"test-{os.getpid()}")
    try:
        try:
            yield lab.start(with_parent=True)
        except LabUnavailable as reason:
            pytest.skip(str(reason))
    finally:
        if lab.folder.exists():
            lab.stop()


@pytest.fixture
def shared_path(slurm_lab: SlurmLab, request: pytest.FixtureRequest) -> Path:
    """An empty folder that all nodes of the lab see, which those below ``tmp_path`` are not."""
    folder = slurm_lab.shared / request.node.name
    folder.mkdir(parents=True)
    return folder
