"""Finished runs as the shell sees them: receipts and checks of their tables."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from command import campaign

from campaign.cli.review import _cells

CELL = "data-ii/gan-mdn/0.6/mean_rep"


@pytest.fixture
def wrong_run(finished_run: Path, tmp_path: Path) -> Path:
    """The run with a first figure that its rows do not make."""
    run = tmp_path / "wrong"
    shutil.copytree(finished_run, run, symlinks=True)
    table = json.loads((run / "tables" / "table1.json").read_text())
    table["rows"][0]["mean_rep"] = 1.5
    (run / "tables" / "table1.json").write_text(json.dumps(table))
    return run


def test_a_receipt_for_people_and_for_programs(finished_run: Path) -> None:
    done = campaign("receipt", finished_run, CELL)
    assert done.returncode == 0, done.stderr
    told = json.loads(campaign("receipt", finished_run, CELL, "--json").stdout)
    assert done.stdout.splitlines()[:2] == [
        f"{CELL} is {told['value']:.6g}",
        f"computed again from its rows: {told['value']:.6g}, the same",
    ]
    assert [stage["key"] in done.stdout for stage in told["stages"]] == [True] * len(told["stages"])
    assert f"{told['rows'][0]['y'][0]:.6f}" in done.stdout


def test_a_figure_that_comes_out_different_ends_with_1(wrong_run: Path) -> None:
    done = campaign("receipt", wrong_run, CELL)
    assert done.returncode == 1
    assert "is 1.5" in done.stdout
    assert "which is another" in done.stdout


@pytest.mark.long
def test_a_table_is_verified_or_refused(finished_run: Path, wrong_run: Path) -> None:
    done = campaign("verify-table", finished_run, "--sample", "2")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 designs come out as stored" in done.stdout
    assert done.stdout.endswith("the table is as its designs are\n")
    refused = campaign("verify-table", wrong_run, "--sample", "0")
    assert refused.returncode == 1
    assert f"  {CELL}: the table says 1.5, its rows " in refused.stdout
    assert refused.stdout.endswith("the table is refused\n")
    told = json.loads(campaign("verify-table", wrong_run, "--sample", "1", "--json").stdout)
    assert (told["is_true"], told["wrong"][0]["cell"], told["simulated"][0]["agrees"]) == (False, CELL, True)


@pytest.mark.parametrize("command", [("receipt", CELL), ("verify-table",)])
def test_what_is_no_finished_run_is_said_in_a_line(
    command: tuple[str, ...], finished_run: Path, tmp_path: Path
) -> None:
    name, *more = command
    missing = campaign(name, tmp_path, *more)
    assert (missing.returncode, missing.stderr) == (2, f"{tmp_path}: not a run's folder (no spec.json)\n")
    without = tmp_path / "run"
    shutil.copytree(finished_run, without, symlinks=True)
    shutil.rmtree(without / "tables", ignore_errors=True)
    done = campaign(name, without, *more)
    assert done.returncode == 2
    assert done.stderr == f"{without}: has no tables/table1.json; `campaign resume {without}` goes on\n"


def test_a_wrong_tolerance_is_refused(finished_run: Path) -> None:
    done = campaign("verify-table", finished_run, "--tolerance", "-1")
    assert (done.returncode, done.stderr) == (2, "--tolerance must be a number from 0 on, got -1\n")


def test_cells_are_completed_part_by_part(finished_run: Path, tmp_path: Path) -> None:
    context = SimpleNamespace(params={"run": str(finished_run)})
    assert _cells(context, "da") == ["data-ii/"]
    assert _cells(context, "data-ii/gan") == ["data-ii/gan-mdn/"]
    assert "data-ii/gan-mdn/0.6/mean_rep" in _cells(context, "data-ii/gan-mdn/0.6/m")
    assert _cells(SimpleNamespace(params={"run": str(tmp_path)}), "") == []


def test_runs_are_compared_as_text_page_and_json(finished_run: Path, wrong_run: Path, tmp_path: Path) -> None:
    done = campaign("compare", finished_run, wrong_run)
    assert done.returncode == 0, done.stderr
    assert f"A  {finished_run}\nB  {wrong_run}\n\nsettings that differ: none" in done.stdout
    [line] = [each for each in done.stdout.splitlines() if "1.50 (" in each]
    assert line.split()[0] == "0.6"
    told = json.loads(campaign("compare", finished_run, wrong_run, "--format", "json").stdout)
    assert (told["settings"], told["only"], told["runs"]) == ([], [], [str(finished_run), str(wrong_run)])
    page = tmp_path / "page.html"
    written = campaign("compare", finished_run, wrong_run, "--format", "html", "--output", page)
    assert (written.returncode, written.stdout, written.stderr) == (0, "", f"comparison: {page}\n")
    assert page.read_text().startswith("<!doctype html>")
    text = tmp_path / "told.txt"
    campaign("compare", finished_run, wrong_run, "--output", text)
    assert text.read_text().strip() == done.stdout.strip()


def test_what_cannot_be_compared_is_said_in_a_line(finished_run: Path, tmp_path: Path) -> None:
    one = campaign("compare", finished_run)
    assert (one.returncode, one.stderr) == (2, "a comparison takes from 2 to 26 runs, got 1; name other folders\n")
    nowhere = tmp_path / "missing" / "page.html"
    done = campaign("compare", finished_run, finished_run, "--output", nowhere)
    assert (done.returncode, done.stderr) == (
        2,
        f"cannot write {nowhere}: its folder does not exist; create it first\n",
    )


@pytest.mark.long
def test_a_run_is_packed_and_its_archive_verified(own_run: Path, tmp_path: Path) -> None:
    (own_run / "code").mkdir()
    done = campaign("bundle", own_run, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    archive = tmp_path / "run.zip"
    assert re.fullmatch(r"\d+ files of [\d.]+ MB in run.zip; list of checksums [0-9a-f]{64}\n", done.stdout)
    verified = campaign("bundle", "verify", archive)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert ", all as they were packed; list of checksums" in verified.stdout
    again = campaign("bundle", own_run, "--output", archive)
    assert again.returncode == 2
    assert again.stderr == f"{archive} exists already; name another file with --output, or remove it first\n"
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b'"campaign": "small"', b'"campaign": "SMALL"', 1))
    changed = campaign("bundle", "verify", archive)
    assert changed.returncode == 1
    assert changed.stderr.startswith(f"{archive}: plan.json: cannot be read (Bad CRC-32")
    assert json.loads(campaign("bundle", "verify", archive, "--json").stdout)["wrong"].startswith("plan.json")


def test_an_archive_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    done = campaign("bundle", "verify", tmp_path / "none.zip")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{tmp_path / 'none.zip'}: No such file or directory")
    assert campaign("bundle", tmp_path).stderr == f"{tmp_path}: not a run's folder (no spec.json)\n"
