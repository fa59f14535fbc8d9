"""What runs need of a cache, what that takes on the disk, and what no run needs any more."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from campaign.cache.contents import INPUTS, Entry, Usage, entries, registered, remove, usage_of
from campaign.plan.plan import PLAN_FILE
from campaign.record.driver import drive_alone, has_driver
from campaign.record.run_folder import is_run


class DamagedPlanError(ValueError):
    """What a run needs cannot be read, so that nothing can be called unneeded; the text says what to do."""


@dataclass(frozen=True)
class RunNeeds:
    """A run, and the keys of all that it was made of: those of its plan, and those that its links point to."""

    folder: Path
    keys: frozenset[str]

    @classmethod
    def of(cls, folder: Path) -> RunNeeds:
        """Read them; DamagedPlanError where that cannot be done."""
        links = [path for path in (folder / "stages").rglob("*") if path.is_symlink()]
        keys = {Path(os.readlink(link)).name.partition(".")[0] for link in links}
        try:
            plan = json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))
            keys |= {stage["key"] for stage in plan["stages"]}
        except FileNotFoundError:  # of a run that is being prepared: it waits before it uses anything
            pass
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedPlanError(
                f"{folder / PLAN_FILE} is damaged ({error}), so it is not known what the run needs; submit its spec "
                f"again, or name the run: `campaign prune {folder}` gives it up"
            ) from error
        return cls(folder, frozenset(keys))


@dataclass(frozen=True)
class RunUsage:
    """What a run takes: its folder, results that no other run needs, and results that it shares."""

    folder: Path
    own: Usage
    alone: Usage
    shared: Usage


@dataclass(frozen=True)
class KindUsage:
    """What a kind of stage takes in the cache: all its results, and those among them that no run needs."""

    kind: str
    results: int
    all: Usage
    unneeded: Usage


@dataclass(frozen=True)
class DiskUsage:
    """What runs and kinds of stages take on the disk."""

    runs: tuple[RunUsage, ...]
    kinds: tuple[KindUsage, ...]


@dataclass(frozen=True)
class Unneeded:
    """What may go: entries of the cache with their size, and runs that are given up.

    ``kept`` counts the runs that stay, ``gone`` are runs that once used the cache and are no longer there.
    """

    entries: tuple[tuple[Entry, Usage], ...]
    runs: tuple[tuple[Path, Usage], ...]
    kept: int
    gone: tuple[Path, ...]

    @property
    def total(self) -> Usage:
        """All together."""
        return sum((usage for _, usage in (*self.entries, *self.runs)), Usage())


def all_runs(runs: Path, root: Path) -> list[Path]:
    """Folders of the runs below ``runs``, and of those elsewhere that use the cache ``root``."""
    below = [path for path in runs.glob("*") if is_run(path)]
    elsewhere = [path for path in registered(root) if is_run(path)]
    return list({path.resolve(): path for path in (*below, *elsewhere)}.values())


def disk_usage(runs: Path, root: Path) -> DiskUsage:
    """What every run and every kind of stage takes."""
    sizes = [(entry, usage_of(entry.path)) for entry in entries(root)]
    needs = [RunNeeds.of(folder) for folder in all_runs(runs, root)]
    users = Counter(key for need in needs for key in need.keys)

    def total(chosen: Iterable[tuple[Entry, Usage]]) -> Usage:
        return sum((usage for _, usage in chosen), Usage())

    def of_run(need: RunNeeds) -> RunUsage:
        mine = [(entry, usage) for entry, usage in sizes if entry.key in need.keys]
        alone = total(each for each in mine if users[each[0].key] == 1)
        shared = total(each for each in mine if users[each[0].key] > 1)
        return RunUsage(need.folder, usage_of(need.folder), alone, shared)

    def of_kind(kind: str) -> KindUsage:
        own = [(entry, usage) for entry, usage in sizes if entry.kind == kind]
        return KindUsage(kind, len(own), total(own), total(each for each in own if not users[each[0].key]))

    kinds = dict.fromkeys(entry.kind for entry, _ in sizes)
    return DiskUsage(tuple(map(of_run, needs)), tuple(of_kind(kind) for kind in kinds))


def unneeded(runs: Path, root: Path, given_up: Collection[Path] = ()) -> Unneeded:
    """What no run needs but those that are ``given_up``; nothing is removed."""
    kept, found = _kept(runs, root, given_up), _removable(runs, root, given_up)
    gone = tuple(path for path in registered(root) if not path.is_dir())
    sizes = tuple((entry, usage_of(entry.path)) for entry in found)
    return Unneeded(sizes, tuple((path, usage_of(path)) for path in given_up), len(kept), gone)


def prune(runs: Path, root: Path, given_up: Sequence[Path] = ()) -> Unneeded:
    """Remove runs that are given up, and then what no other run needs; what was removed.

    Raises
    ------
    campaign.cache.lease.LeaseBusyError
        One of the runs has a driver, or somebody else prunes.
    DamagedPlanError
        It is not known what another run needs; nothing was removed.
    """
    found = unneeded(runs, root, given_up)
    for folder in given_up:
        with drive_alone(folder):
            aside = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:12]}.pruned")
            folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    # Looked up once more, now that no run can begin unseen.
    taken = set(remove(root, lambda: _removable(runs, root))) if root.is_dir() else set()
    return replace(found, entries=tuple((entry, usage) for entry, usage in found.entries if entry in taken))


def _kept(runs: Path, root: Path, given_up: Collection[Path]) -> list[Path]:
    left = {path.resolve() for path in given_up}
    return [folder for folder in all_runs(runs, root) if folder.resolve() not in left]


def _removable(runs: Path, root: Path, given_up: Collection[Path] = ()) -> list[Entry]:
    kept = _kept(runs, root, given_up)
    keys = {key for folder in kept for key in RunNeeds.of(folder).keys}
    is_quiet = not any(map(has_driver, kept))
    return [entry for entry in entries(root) if _may_go(entry, keys, is_quiet) and entry.is_free]


def _may_go(entry: Entry, keys: Collection[str], is_quiet: bool) -> bool:
    """Copies of inputs are for runs at work alone: a run that goes on makes its own again."""
    return is_quiet if entry.kind == INPUTS else entry.is_remains or entry.key not in keys
