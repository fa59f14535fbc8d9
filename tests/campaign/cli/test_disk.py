"""What `campaign du` and `campaign prune` say and do, and how the program looks on narrow and plain screens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import campaign
from rich.console import Console

from campaign.cache.stage_cache import StageCache
from campaign.cli.options import console
from campaign.cli.tables import checks_table, disk_tables, plan_table, rows_table, runs_table
from campaign.doctor.check import Check
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import make_plan
from campaign.record.display import status_table
from campaign.record.needs import disk_usage
from campaign.record.status import RunStatus, StageStatus
from campaign.spec.campaign import Spec
from campaign.stages import KINDS

NEEDED, LEFT_OVER = "a" * 16, "b" * 16


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run, a result that it needs, and one that nobody does."""
    for key in (NEEDED, LEFT_OVER):
        (tmp_path / "runs" / "cache" / "labels" / key).mkdir(parents=True)
        (tmp_path / "runs" / "cache" / "labels" / key / "stage.json").write_text("x" * 9000)
    run = tmp_path / "runs" / "tiny-1234"
    run.mkdir()
    (run / "events.jsonl").write_text("")
    (run / "plan.json").write_text(json.dumps({"stages": [{"name": "labels", "key": NEEDED}]}))
    return tmp_path / "runs"


def test_nothing_goes_until_it_was_shown(runs: Path) -> None:
    shown = campaign("prune", "--runs", runs)
    assert shown.returncode == 0
    assert f"labels/{LEFT_OVER}: " in shown.stdout
    assert "1 folder of the cache that no run needs (runs that stay: 1)" in shown.stdout
    assert "`--yes` removes this" in shown.stdout
    assert (runs / "cache" / "labels" / LEFT_OVER).is_dir()
    done = json.loads(campaign("prune", "--runs", runs, "--yes", "--json").stdout)
    assert [Path(entry["path"]).name for entry in done["entries"]] == [LEFT_OVER]
    assert [path.name for path in (runs / "cache" / "labels").iterdir()] == [NEEDED]
    assert "nothing to remove" in campaign("prune", "--runs", runs, "--yes").stdout


def test_a_run_is_given_up_by_its_name_unless_it_lives(runs: Path, drive: Callable[..., Path]) -> None:
    owner = drive(runs / "tiny-1234")
    (runs / "tiny-1234" / "events.jsonl").write_text('{"time": 1, "event": "run-started", "stages": []}\n')
    busy = campaign("prune", "tiny-1234", "--runs", runs, "--yes")
    assert (busy.returncode, "is running; `campaign cancel" in busy.stderr) == (3, True)
    owner.unlink()
    assert campaign("prune", "tiny-1234", "--runs", runs, "--yes").returncode == 0
    assert not (runs / "tiny-1234").exists()
    assert list((runs / "cache" / "labels").iterdir()) == []


def test_du_tells_runs_and_kinds(runs: Path) -> None:
    told = json.loads(campaign("du", "--runs", runs, "--json").stdout)
    assert [(Path(run["folder"]).name, run["alone"]["files"]) for run in told["runs"]] == [("tiny-1234", 1)]
    assert [(kind["kind"], kind["results"], kind["unneeded"]["files"]) for kind in told["kinds"]] == [("labels", 2, 1)]
    assert "needed by no run" in campaign("du", "--runs", runs).stdout


def test_no_heading_breaks_inside_a_word_at_80_columns(
    runs: Path, make_spec: Callable[..., Spec], tmp_path: Path
) -> None:
    pipeline = Pipeline.of(make_spec(), KINDS)
    long = "optimization/bayesian-optimization/data-ii/0.55"
    running = StageStatus("running", 3, 9, first=0.0, started=0.0, peak_bytes=10**9, message="simulations")
    status = RunStatus("running", stages={long: running})
    rows = [{f"absorption_of_layer_{number}": 0.123456 for number in range(6)}]
    tables = {
        plan_table(make_plan(pipeline, tmp_path, StageCache(tmp_path / "none"), 1)): "simulations core memory key",
        status_table(status, 99.0): "stage progress time memory",
        runs_table({f"runs/{long}": status}): "run state stages",
        disk_tables(disk_usage(runs, runs / "cache")): "results alone shared",
        checks_table([Check("shared memory", "ok", "word " * 40)]): "check finding",
        rows_table(rows, 1): "absorption_of_layer_0",
    }
    for table, headings in tables.items():
        narrow = Console(width=80)
        with narrow.capture() as capture:
            narrow.print(table)
        for word in headings.split():
            assert word in capture.get(), capture.get()


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for wanted, is_coloured in ((None, True), ("1", False)):
        if wanted:
            monkeypatch.setenv("NO_COLOR", wanted)
        screen = console()
        with screen.capture() as capture:
            screen.print("done", style="green")
        assert ("\x1b[32m" in capture.get()) is is_coloured
