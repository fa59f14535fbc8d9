"""Archives of runs: the same bytes again, everything in them checked, the first file that disagrees named."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.review.bundle import CHECKSUMS, RECEIPTS, verify_bundle, write_bundle
from campaign.review.finished_run import NotFinishedError
from campaign.review.finished_table import FinishedTable
from results.stores.store import SimulationStore

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def run(copy_run: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a copy of its code, as a submission leaves it; no test changes it."""
    run = copy_run(tmp_path_factory.mktemp("bundle"))
    package = run / "code" / "ganmdn"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__pycache__" / "mdn.pyc").write_text("compiled")
    (package / "mdn.py").write_text("X = 1\n")
    return run


@pytest.fixture(scope="module")
def packed(run: Path) -> Path:
    path = run.with_name("run.zip")
    write_bundle(FinishedTable.of_run(run), path)
    return path


def rewritten(packed: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other members, each sound by itself."""
    with zipfile.ZipFile(packed) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    path = packed.with_name("changed.zip")  # over that of the test before
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_it_holds_all_that_the_table_rests_on(run: Path, packed: Path, tmp_path: Path) -> None:
    found = verify_bundle(packed)
    assert (found.wrong, found.file) == ("", packed)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "out")
    out = tmp_path / "out" / "run"
    subprocess.run(["sha256sum", "--quiet", "--check", CHECKSUMS], cwd=out, check=True)
    assert found.files == len((out / CHECKSUMS).read_text().splitlines())
    assert {path.name for path in out.iterdir()} >= {"spec.json", "provenance.json", "report.html", "tables", "figures"}
    assert [path.name for path in (out / "code" / "ganmdn").iterdir()] == ["mdn.py"]
    receipts = json.loads((out / RECEIPTS).read_text())
    traced = FinishedTable.of_run(run)
    assert [line["line"] for line in receipts["lines"]] == [line.name for line in traced.lines]
    first = receipts["lines"][0]
    [rows] = first["rows"]
    [[start, stop]] = rows["rows"]
    y = SimulationStore.open(out / rows["store"]).read("y", rows=slice(start, stop + 1))["y"]
    assert abs(y / 0.6 - 1).mean() * 100 == pytest.approx(first["figures"]["mean_rep"])
    keys = {stage["name"]: stage["key"] for stage in receipts["stages"]}
    assert keys == dict(traced.results.pipeline.keys)


def test_the_same_run_has_the_same_bytes(run: Path, packed: Path, tmp_path: Path) -> None:
    for path in run.rglob("*.json"):
        path.touch()
    again = write_bundle(FinishedTable.of_run(run), tmp_path / "again.zip")
    assert packed.read_bytes() == (tmp_path / "again.zip").read_bytes()
    with zipfile.ZipFile(packed) as archive:
        listed = next(archive.read(name) for name in archive.namelist() if name.endswith(CHECKSUMS))
    assert again.checksum == verify_bundle(packed).checksum == hashlib.sha256(listed).hexdigest()


def test_the_first_file_that_disagrees_is_named(packed: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["run/tables/table1.json"] += b" "
        members["run/tables/table1.md"] += b" "

    wrong = verify_bundle(rewritten(packed, change)).wrong
    assert wrong.startswith("tables/table1.json: is not what was packed: SHA-256 ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda members: members.pop("run/spec.json"), "spec.json: is not in the archive"),
        (lambda members: members.update({"run/more": b""}), f"more: is in the archive and not in its {CHECKSUMS}"),
        (lambda members: members.pop(f"run/{CHECKSUMS}"), f"holds no {CHECKSUMS}: no bundle of a run, or not a whole"),
    ],
)
def test_what_is_missing_or_added_is_named(
    packed: Path, change: Callable[[dict[str, bytes]], None], message: str
) -> None:
    assert verify_bundle(rewritten(packed, change)).wrong.startswith(message)


def test_damaged_and_cut_archives_are_told(packed: Path, tmp_path: Path) -> None:
    data = bytearray(packed.read_bytes())
    with zipfile.ZipFile(packed) as archive:
        inside = archive.getinfo("run/report.html").header_offset + 5000
    data[inside] ^= 1
    (tmp_path / "damaged.zip").write_bytes(data)
    assert verify_bundle(tmp_path / "damaged.zip").wrong.startswith("report.html: cannot be read (Bad CRC-32")
    (tmp_path / "cut.zip").write_bytes(data[:5000])
    assert verify_bundle(tmp_path / "cut.zip").wrong.startswith("no whole archive (")
    with pytest.raises(FileNotFoundError):
        verify_bundle(tmp_path / "missing.zip")


def test_a_run_without_its_code_or_with_a_wrong_table_is_not_packed(own_run: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFinishedError, match=r"has no code; `campaign resume .*` goes on"):
        write_bundle(FinishedTable.of_run(own_run), tmp_path / "run.zip")
    (own_run / "code").mkdir()
    path = own_run / "tables" / "table1.json"
    table = json.loads(path.read_text())
    table["rows"][1]["min_rep"] = 0.0
    path.write_text(json.dumps(table))
    with pytest.raises(ValueError, match=r"data-ii/gan-mdn/0\.7/min_rep of its table does not follow from its stores"):
        write_bundle(FinishedTable.of_run(own_run), tmp_path / "run.zip")
    assert not list(tmp_path.glob("*.zip"))


def test_nothing_is_overwritten(run: Path, packed: Path) -> None:
    with pytest.raises(FileExistsError, match=r"exists already; name another file with --output, or remove it first"):
        write_bundle(FinishedTable.of_run(run), packed)
