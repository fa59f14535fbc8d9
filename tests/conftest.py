"""Fixtures that several packages' tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
