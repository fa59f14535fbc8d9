"""Folders with one owner: real processes, one of them killed; an owner of another machine, who beats or does not."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from waiting import wait_until

from campaign.cache import lease as leases
from campaign.cache import owner
from campaign.cache.lease import (
    LeaseBusyError,
    LeaseLostError,
    leased,
    leased_at_once,
    owner_file,
    owner_files,
    unfinished,
)
from campaign.cache.owner import Life, Owner, Watch, beat

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "key.partial"


def patient(busy: LeaseBusyError) -> None:
    pass


def hold(base: Path) -> None:
    with leased(base, patient) as lease:
        (lease.folder / "half.tmp").write_text("done so far")
        (lease.folder / "half.tmp").rename(lease.folder / "half")
        time.sleep(600)


def of_elsewhere(base: Path, token: str = "0123456789ab") -> Path:
    """A folder whose owner's machine cannot be looked at from here; the file of the owner."""
    folder = base.with_name(f"{base.name}-{token}")
    folder.mkdir()
    replace(Owner.here(token), host="node17", machine="another boot").write(owner_file(folder))
    return owner_file(folder)


def test_a_folder_is_owned_then_left_to_others(base: Path) -> None:
    with leased(base, patient) as lease:
        assert Owner.read(owner_file(lease.folder)).process == os.getpid()
        assert unfinished(base) == lease.folder != base
        with pytest.raises(LeaseBusyError, match=f"process {os.getpid()} on "), leased_at_once(base):
            pytest.fail("two owners")
        (lease.folder / "half").touch()
    assert unfinished(base) == base
    assert [path.name for path in base.iterdir()] == ["half"]
    with leased_at_once(base) as again:
        assert (again.folder / "half").exists()


def test_a_finished_folder_has_its_final_name_and_no_owner(base: Path) -> None:
    with leased(base, patient) as lease:
        (lease.folder / "whole").touch()
        lease.finish(base.with_name("key"))
    assert [path.name for path in base.parent.iterdir()] == ["key"]
    assert [path.name for path in (base.parent / "key").iterdir()] == ["whole"]


def test_a_killed_owner_is_replaced_by_one_of_those_who_wait(base: Path) -> None:
    victim = FORK.Process(target=hold, args=(base,))
    victim.start()
    wait_until(lambda: list(base.parent.glob(f"{base.name}-*/half")))
    with pytest.raises(LeaseBusyError), leased_at_once(base):
        pytest.fail("two owners")
    others = [FORK.Process(target=hold, args=(base,)) for _ in range(4)]
    for other in others:
        other.start()
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    try:
        wait_until(lambda: (found := unfinished(base)) and _owner_of(found) in {other.pid for other in others})
        assert len(list(base.parent.glob(f"{base.name}*"))) == 1
        assert (unfinished(base) / "half").read_text() == "done so far"
        assert not [file for file in unfinished(base).glob("owner-*") if Owner.read(file).process == victim.pid]
        assert all(other.is_alive() for other in others)
    finally:
        for other in others:
            other.kill()
            other.join()


def _owner_of(folder: Path) -> int | None:
    found = Owner.read(owner_file(folder))
    return found and found.process


def increment(base: Path, counter: Path, times: int) -> None:
    for _ in range(times):
        with leased(base, patient) as lease:
            assert not (lease.folder / "inside").exists()
            (lease.folder / "inside").touch()
            counter.write_text(str(int(counter.read_text()) + 1))
            (lease.folder / "inside").unlink()


@pytest.mark.long
def test_never_two_owners_of_one_folder(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    race([base], base.with_name("counter"), 60, monkeypatch)
    assert not list(base.parent.glob(f"{base.name}-*"))


@pytest.mark.long
@pytest.mark.parametrize("times", [8, pytest.param(40, marks=pytest.mark.slow)])
def test_never_two_owners_of_one_folder_on_machines_that_share_it(
    network_mounts: list[Path], tmp_path: Path, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    race([mount / "key.partial" for mount in network_mounts], tmp_path / "counter", times, monkeypatch)


def race(bases: list[Path], counter: Path, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six processes, each with one of the ways to a folder, own it again and again, and count."""
    monkeypatch.setattr(leases, "POLL_SECONDS", 0.002)
    monkeypatch.setattr(owner, "DEAD_AFTER_SECONDS", 600.0)  # nobody dies here: a wait for that is a stall
    counter.write_text("0")
    processes = [FORK.Process(target=increment, args=(bases[n % len(bases)], counter, times)) for n in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0] * 6
    assert counter.read_text() == str(6 * times)
    assert not owner_files(bases[0])


def test_whoever_is_too_late_leaves_a_file_that_says_nothing(base: Path) -> None:
    with leased_at_once(base) as lease:
        late = Owner.here("f" * 12)
        late.write(lease.folder / owner_file(base.with_name(f"{base.name}-{late.token}")).name)
        assert _owner_of(unfinished(base)) == os.getpid()
        assert not lease.is_lost
        lease.finish(base.with_name("key"))
    assert not list(base.with_name("key").iterdir())


def test_one_without_a_file_of_its_own_is_no_owner(base: Path) -> None:
    folder = base.with_name(f"{base.name}-{'0' * 12}")
    folder.mkdir()
    Owner.here("f" * 12).write(folder / "owner-ffffffffffff.json")
    with leased_at_once(base) as lease:
        assert unfinished(base) == lease.folder != folder


def test_an_owner_whose_folder_was_exchanged_as_it_came_says_so_in_the_new_one(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.mkdir()
    rename = Path.rename

    def exchange_first(source: Path, target: Path) -> Path:
        for file in source.glob("owner-*.json"):
            file.unlink()
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", exchange_first)
    with leased_at_once(base) as lease:
        assert _owner_of(lease.folder) == os.getpid()
        assert not lease.is_lost


def test_an_owner_elsewhere_lives_as_long_as_its_heart_beats(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "DEAD_AFTER_SECONDS", 1.0)
    monkeypatch.setattr(leases, "POLL_SECONDS", 0.05)
    file = of_elsewhere(base)
    stop = threading.Event()

    def keep_beating() -> None:
        while not stop.wait(0.05):
            beat(file)

    heart = threading.Thread(target=keep_beating)
    heart.start()
    with pytest.raises(LeaseBusyError, match="on node17"), leased_at_once(base):
        pytest.fail("two owners")
    threading.Timer(3.0, stop.set).start()
    started = time.monotonic()
    with leased(base, patient) as lease:
        assert time.monotonic() - started > 3.0
        assert stop.is_set()
        assert not file.exists()  # the fence: what the old owner knows is gone
        with pytest.raises(FileNotFoundError):
            beat(file)
        assert lease.folder.is_dir()
    heart.join()


def test_an_owner_that_was_taken_for_dead_cannot_finish(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.05)
    with leased(base, patient) as mine:
        mine.raise_if_lost()
        theirs = base.with_name(f"{base.name}-{'f' * 12}")  # another does as all do
        Owner.here("f" * 12).write(mine.folder / owner_file(theirs).name)
        mine.folder.rename(theirs)
        wait_until(lambda: mine._lost)
        with pytest.raises(LeaseLostError):
            mine.raise_if_lost()
        mine.folder.mkdir()  # as workers of the old owner do when they write
        (mine.folder / "shard").touch()
        with pytest.raises(LeaseLostError, match="taken this over"):
            mine.finish(base.with_name("key"))
    assert not base.with_name("key").exists()
    assert unfinished(base) == theirs  # not the remains, which have no owner


@pytest.mark.parametrize("ours_is_fuller", [True, False])
def test_of_two_folders_for_one_work_the_fuller_is_left(base: Path, ours_is_fuller: bool) -> None:
    with leased_at_once(base) as lease:
        base.mkdir()  # as when another began at the same moment and has left already
        (base / "theirs").touch()
        names = ["ours", "more"] if ours_is_fuller else []
        for name in names:
            (lease.folder / name).touch()
    assert [path.name for path in base.parent.iterdir()] == [base.name]
    assert sorted(path.name for path in base.iterdir()) == sorted(names or ["theirs"])
    with leased_at_once(base):
        pass


def test_a_lost_claim_leaves_alone_what_its_successor_has_left(base: Path) -> None:
    with leased_at_once(base) as lease:
        (lease.folder / "work").touch()
        owner_file(lease.folder).unlink()
        lease.folder.rename(base)  # another took it over, and has left already
    assert [path.name for path in base.parent.iterdir()] == [base.name]
    assert [path.name for path in base.iterdir()] == ["work"]


def test_what_cannot_be_left_to_others_is_not_owned_any_more(base: Path) -> None:
    with leased_at_once(base):
        base.write_text("a file where the folder should be")
    assert unfinished(base) is None


def test_remains_of_lost_owners_go_when_the_work_is_finished(base: Path) -> None:
    base.with_name(f"{base.name}-{'0' * 12}").mkdir()
    with leased_at_once(base) as lease:
        lease.finish(base.with_name("key"))
    assert [path.name for path in base.parent.iterdir()] == ["key"]


def test_a_process_number_that_was_used_again_is_no_life(tmp_path: Path) -> None:
    here = Owner.here("0123456789ab")
    assert here.has_process
    path = tmp_path / "owner.json"
    replace(here, process_started="1").write(path)
    assert Watch().look(path) is Life.DEAD


def test_a_clock_that_is_set_takes_no_process_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    here, real = Owner.here("0123456789ab"), psutil._psplatform.boot_time
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: real() + 3600.0)
    assert here.has_process


def test_an_owner_that_cannot_be_read_has_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "owner.json"
    path.write_text("{")
    watch = Watch()
    assert watch.look(path) is Life.UNKNOWN
    monkeypatch.setattr(owner, "DEAD_AFTER_SECONDS", 0.0)
    assert watch.look(path) is Life.DEAD
