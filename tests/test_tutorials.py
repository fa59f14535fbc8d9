"""The tutorials do what they say: their files are written, their commands and programs run, one page after another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from first_hour import Block, blocks

from campaign.plan.keys import PROJECT

pytestmark = pytest.mark.long


class Reader:
    """Somebody who does what a page says, in a folder, with ``campaign`` of this checkout and packages in ``site``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder / "work", folder / "site"
        programs = folder / "bin"
        for path in (self.folder, self.site, programs):
            path.mkdir()
        for name, module in (("campaign", "campaign"), ("pip", "pip")):
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
            (programs / name).chmod(0o755)
        self.variables = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{PROJECT}{os.pathsep}{self.site}",
            "PIP_TARGET": str(self.site),
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # which is how pip spells it
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def does(self, page: str) -> str:
        """Write the files that a page names and run its other blocks; what they printed."""
        return "".join(self._does(block) for block in blocks(page))

    def _does(self, block: Block) -> str:
        text = block.text
        if block.file is not None:
            (self.folder / block.file).parent.mkdir(exist_ok=True)
            (self.folder / block.file).write_text(text)
            return ""
        command = {"bash": ["bash", "-euc", text], "python": [sys.executable, "-c", text]}.get(block.language)
        if command is None:
            return ""
        done = subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Who has done the first page, on which the others build."""
    reader = Reader(tmp_path_factory.mktemp("tutorials"))
    reader.does("own-stack")
    return reader


def run_of(reader: Reader, name: str) -> Path:
    (run,) = (reader.folder / "runs").glob(f"{name}-*")
    return run


def test_own_stack(reader: Reader) -> None:
    table = json.loads((run_of(reader, "pillars") / "tables" / "table1.json").read_text())
    assert table["reach"]["textures"]["properties"] == ["reflection"]
    assert {row["target"] for row in table["rows"]} == {0.06, 0.1, "0.12.."}


def test_designs(reader: Reader) -> None:
    reader.does("designs")
    made = json.loads((reader.folder / "for-the-fab" / "designs.json").read_text())
    assert len(made["designs"]) == 4
    assert (reader.folder / "designs.gds").stat().st_size > 0
    assert (reader.folder / "designs" / "sheet.png").is_file()


def test_querying(reader: Reader) -> None:
    said = reader.does("querying")
    assert "transmission" in said
    for name in ("bright.png", "bright.npz", "labels.csv"):
        assert (reader.folder / name).stat().st_size > 0


def test_own_images(reader: Reader) -> None:
    said = reader.does("own-images")
    assert "00.png" in said
    assert (run_of(reader, "scanned") / "report.html").is_file()


def test_own_simulator(reader: Reader) -> None:
    reader.does("own-simulator")
    table = json.loads((run_of(reader, "boundaries") / "tables" / "table1.json").read_text())
    assert table["reach"]["textures"]["properties"] == ["boundary"]


def test_slurm(reader: Reader) -> None:
    assert "#SBATCH --nodes=2" in reader.does("slurm")
