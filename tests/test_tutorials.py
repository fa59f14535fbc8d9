"""The tutorials do what they say: their files are written, their commands and programs run, one page after another.

All in this process, without the seconds that a new Python takes; in a shell ``benchmarks/first_hour.py`` does the same.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import campaign
from first_hour import BORROWED, Block, blocks

from campaign.run.freeze import FrozenRun

pytestmark = pytest.mark.long


class Reader:
    """Somebody who does what a page says, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def does(self, page: str) -> str:
        """Write the files that a page names and run its other blocks; what they printed."""
        with contextlib.chdir(self.folder):
            return "".join(self._does(block) for block in blocks(page))

    def _does(self, block: Block) -> str:
        if block.file is not None:
            Path(block.file).parent.mkdir(exist_ok=True)
            Path(block.file).write_text(block.text)
            return ""
        if block.language == "bash":
            return "".join(map(self._run, block.text.replace("\\\n", "").splitlines()))
        said = io.StringIO()
        if block.language == "python":
            with contextlib.redirect_stdout(said):
                exec(compile(block.text, "tutorial", "exec"), {"__name__": "__main__"})
        return said.getvalue()

    def _run(self, command: str) -> str:
        """Run a command, whose words are what the shell makes of them."""
        words = subprocess.run(
            ["bash", "-euc", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True
        )
        program, *arguments, _ = words.stdout.split("\0")
        if program == "pip":
            return subprocess.run([sys.executable, "-m", "pip", *arguments], check=True, stdout=-1, text=True).stdout
        assert program == "campaign"
        done = campaign(*arguments)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Who has done the first page, on which the others build."""
    folder, site = tmp_path_factory.mktemp("tutorials"), tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrozenRun, "imports", lambda self: contextlib.nullcontext())  # other tests import the project
        patch.setattr("campaign.LOADED_AT", math.inf)  # a package that is installed meanwhile is loaded later
        patch.syspath_prepend(str(site))
        for name, value in {**BORROWED, "PIP_TARGET": str(site), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}.items():
            patch.setenv(name, value)
        reader = Reader(folder)
        reader.does("own-stack")
        yield reader


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
