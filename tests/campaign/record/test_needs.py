"""What runs need is kept, whoever else prunes or begins meanwhile; the rest goes, and nothing else."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.cache import contents
from campaign.cache.contents import PRUNING, Entry, entries, register, remove, usage_of, wait_while_pruned
from campaign.cache.lease import LeaseBusyError, leased, leased_at_once
from campaign.record.needs import DamagedPlanError, disk_usage, prune, unneeded

KEYS = ["a" * 16, "b" * 16, "c" * 16]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Results of three keys: two of labels, one of a model."""
    for kind, key in (("labels", KEYS[0]), ("labels", KEYS[1]), ("model", KEYS[2])):
        folder = tmp_path / "runs" / "cache" / kind / key
        folder.mkdir(parents=True)
        (folder / "stage.json").write_text("x" * 5000)
    return tmp_path / "runs" / "cache"


def run(folder: Path, *keys: str, linked: str | None = None) -> Path:
    """A run whose plan names keys, and with a link to one that the plan does not name."""
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text("")
    (folder / "plan.json").write_text(json.dumps({"stages": [{"name": "labels", "key": key} for key in keys]}))
    if linked:
        (folder / "stages").mkdir()
        (folder / "stages" / "labels").symlink_to(f"../../cache/labels/{linked}")
    return folder


def left(cache: Path) -> set[str]:
    return {entry.path.name for entry in entries(cache)}


def test_what_a_plan_names_and_what_a_link_points_to_stays(cache: Path) -> None:
    runs = cache.parent
    run(runs / "one", KEYS[0], linked=KEYS[1])
    found = unneeded(runs, cache)
    assert [entry.key for entry, _ in found.entries] == [KEYS[2]]
    assert (found.total.files, found.kept) == (1, 1)
    assert found.total.size >= 5000
    assert left(cache) == set(KEYS)  # nothing went by looking
    assert [entry.key for entry, _ in prune(runs, cache).entries] == [KEYS[2]]
    assert left(cache) == set(KEYS[:2])
    assert unneeded(runs, cache).entries == ()
    assert not [path for path in cache.iterdir() if path.name.startswith(".pru")]


def test_runs_elsewhere_that_said_so_keep_theirs(cache: Path, tmp_path: Path) -> None:
    register(cache, run(tmp_path / "elsewhere" / "two", KEYS[2]))
    register(cache, tmp_path / "elsewhere" / "removed")
    found = prune(cache.parent, cache)
    assert left(cache) == {KEYS[2]}
    assert found.gone == (tmp_path / "elsewhere" / "removed",)


def test_a_run_that_is_given_up_frees_what_it_needed_alone(cache: Path) -> None:
    runs = cache.parent
    one, two = run(runs / "one", KEYS[0], KEYS[1]), run(runs / "two", KEYS[1], KEYS[2])
    usage = disk_usage(runs, cache)
    by_run = {each.folder: (each.alone.files, each.shared.files) for each in usage.runs}
    assert by_run == {one: (1, 1), two: (1, 1)}
    assert [(each.kind, each.results, each.unneeded.files) for each in usage.kinds] == [
        ("labels", 2, 0),
        ("model", 1, 0),
    ]
    prune(runs, cache, [two])
    assert left(cache) == set(KEYS[:2])
    assert sorted(path.name for path in runs.iterdir()) == ["cache", "one"]


def test_a_living_runs_folder_is_not_given_up(cache: Path, drive: Callable[..., Path]) -> None:
    one = run(cache.parent / "one", KEYS[0])
    drive(one)
    with pytest.raises(LeaseBusyError):
        prune(cache.parent, cache, [one])
    assert left(cache) == set(KEYS)


def test_unfinished_work_goes_unless_somebody_is_at_it(cache: Path) -> None:
    with leased(cache / "labels" / f"{'d' * 16}.partial", lambda busy: None) as lease:
        prune(cache.parent, cache)
        assert lease.folder.is_dir()
        assert left(cache) == {lease.folder.name}
    assert [entry.path for entry, _ in prune(cache.parent, cache).entries] == [
        lease.folder.with_name("d" * 16 + ".partial")
    ]
    assert left(cache) == set()


def test_copies_of_inputs_stay_while_any_run_is_at_work(cache: Path, drive: Callable[..., Path]) -> None:
    (cache / "inputs" / ("f" * 16)).mkdir(parents=True)
    owner = drive(run(cache.parent / "one", *KEYS))
    assert unneeded(cache.parent, cache).entries == ()
    owner.unlink()
    assert [entry.kind for entry, _ in unneeded(cache.parent, cache).entries] == ["inputs"]


def test_a_plan_that_cannot_be_read_keeps_everything(cache: Path) -> None:
    one = run(cache.parent / "one", KEYS[0])
    (one / "plan.json").write_text("{")
    with pytest.raises(DamagedPlanError, match=r"plan\.json is damaged .* gives it up"):
        prune(cache.parent, cache)
    assert left(cache) == set(KEYS)
    prune(cache.parent, cache, [one])
    assert left(cache) == set()


def test_a_run_that_begins_while_another_process_prunes_keeps_what_it_needs(cache: Path) -> None:
    """It says what it needs, and waits; whoever prunes looks after it began: one of the two sees the other."""
    runs, order = cache.parent, []
    waits = threading.Event()

    def begin() -> None:
        run(runs / "late", KEYS[0])
        wait_while_pruned(cache, waits.set)
        order.append("runs")

    late = threading.Thread(target=begin)

    def chosen() -> list[Entry]:  # called under the lock of whoever prunes
        late.start()
        assert waits.wait(30)
        order.append("chooses")
        return [entry for entry, _ in unneeded(runs, cache).entries]

    remove(cache, chosen)
    late.join(30)
    assert order == ["chooses", "runs"]
    assert left(cache) == {KEYS[0]}


def test_one_prunes_at_a_time_and_one_that_was_killed_is_cleared_up_after(cache: Path) -> None:
    with leased_at_once(cache / PRUNING) as lease:
        with pytest.raises(LeaseBusyError):
            prune(cache.parent, cache)
        lease.discard()
    (cache / ".pruned-of-the-dead" / "0").mkdir(parents=True)
    prune(cache.parent, cache)
    assert not (cache / ".pruned-of-the-dead").exists()


@pytest.mark.parametrize("name", [f".{KEYS[0]}.partial-token", f"{KEYS[0]}.partial-token"])  # the latter has no owner
def test_remains_of_a_crash_go_once_they_are_old(cache: Path, name: str) -> None:
    run(cache.parent / "one", *KEYS)
    remains = cache / "labels" / name
    remains.mkdir()
    assert unneeded(cache.parent, cache).entries == ()
    old = remains.stat().st_mtime - 2 * contents.YOUNG_SECONDS
    os.utime(remains, (old, old))
    assert [entry.path for entry, _ in unneeded(cache.parent, cache).entries] == [remains]


def test_usage_counts_files_and_not_where_links_point(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "big").write_bytes(b"x" * 200_000)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to("../there")
    assert usage_of(tmp_path / "here").size < 200_000 <= usage_of(tmp_path / "there").size
