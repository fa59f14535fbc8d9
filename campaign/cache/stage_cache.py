"""The cache of stage results: one folder a key, there whole or not at all.

A stage works in ``<key>.partial-<token of its owner>`` and is done when that folder has been renamed to ``<key>``, so a
stage that was killed goes on where it stopped. ``lease`` keeps two runs from computing the same key at the same time,
wherever they run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from campaign.cache.lease import Lease, LeaseBusyError, leased, unfinished
from results.files import write_json

RECORD_FILE = "stage.json"
FAILURE_FILE = "failure.json"  # in the folder of an unfinished stage that failed


class DamagedRecordError(ValueError):
    """The record of a finished stage cannot be read; the text says which, and what to do."""


@dataclass(frozen=True)
class StageRecord:
    """What is kept of a finished stage beside its files; lies in its folder as ``stage.json``.

    Attributes
    ----------
    name, key
        Of the stage in the campaign that computed it, and its content address.
    config, input_keys, file_keys, schema, code
        What the key was made of; see ``campaign.plan.keys.KeyParts``.
    seconds
        Wall time since the last start, waits for workers included.
    core_seconds
        Work alone.
    facts
        What the stage found worth keeping beside its files.
    """

    name: str
    key: str
    config: Mapping[str, Any]
    input_keys: Mapping[str, str]
    file_keys: Mapping[str, str]
    schema: int
    code: Mapping[str, str]
    seconds: float
    core_seconds: float
    facts: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> StageRecord:
        """The record written at ``path``; DamagedRecordError if it is not what was written."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise DamagedRecordError(
                f"{path} is damaged ({error}); copy it again, or remove {path.parent} to have the stage computed again"
            ) from error


class StageCache:
    """Finished and unfinished stage folders below one root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, kind: str, key: str) -> Path:
        """Where the finished result lies, or will lie."""
        return self.root / kind / key

    def partial(self, kind: str, key: str) -> Path:
        """Where the unfinished result lies, or would lie if there were one that nobody works on."""
        base = self._base(kind, key)
        return unfinished(base) or base

    def has(self, kind: str, key: str) -> bool:
        """Whether the result is there, whole."""
        return (self.folder(kind, key) / RECORD_FILE).is_file()

    def record(self, kind: str, key: str) -> StageRecord:
        """The finished stage's own record."""
        return StageRecord.read(self.folder(kind, key) / RECORD_FILE)

    def records(self, kind: str) -> Iterator[StageRecord]:
        """Records of all finished stages of one kind, whatever campaign made them; damaged ones are left out."""
        for path in sorted((self.root / kind).glob(f"*/{RECORD_FILE}")):
            with suppress(DamagedRecordError, FileNotFoundError):  # the latter: removed meanwhile
                yield StageRecord.read(path)

    def lease(
        self, kind: str, key: str, while_waiting: Callable[[LeaseBusyError], None]
    ) -> AbstractContextManager[Lease]:
        """Own the unfinished folder until the block ends; waits while another run owns it.

        The owner's death frees the folder. ``while_waiting`` is called now and then; what it raises ends the wait.
        """
        base = self._base(kind, key)
        base.parent.mkdir(parents=True, exist_ok=True)
        return leased(base, while_waiting)

    def note_failure(self, lease: Lease, message: str) -> None:
        """Leave word in the unfinished folder that the stage failed, for the next plan."""
        write_json(lease.folder / FAILURE_FILE, {"time": time.time(), "message": message})

    def forget_failure(self, lease: Lease) -> None:
        """The stage is tried again."""
        (lease.folder / FAILURE_FILE).unlink(missing_ok=True)

    def failure(self, kind: str, key: str) -> str | None:
        """Why the stage failed when it was last tried, None if it did not."""
        try:
            return json.loads((self.partial(kind, key) / FAILURE_FILE).read_text(encoding="utf-8"))["message"]
        except FileNotFoundError:
            return None

    def finish(self, lease: Lease, kind: str, record: StageRecord, *, replace: bool = False) -> None:
        """Turn the unfinished folder into the finished one; raises ``lease.LeaseLostError`` when it is another's.

        With ``replace`` an earlier result of the same key makes room for it, and not before.
        """
        write_json(lease.folder / RECORD_FILE, asdict(record))
        lease.finish(self.folder(kind, record.key), replace=replace)

    def reopen(self, kind: str, key: str) -> Path:
        """Turn a finished folder into an unfinished one that nobody owns; its path."""
        base = self._base(kind, key)
        self.folder(kind, key).rename(base)
        (base / RECORD_FILE).unlink()
        return base

    def _base(self, kind: str, key: str) -> Path:
        return self.root / kind / f"{key}.partial"


class RecordIndex:
    """Records of finished stages, each kind read once: what a plan looks things up in.

    ``timings`` are seconds of simulations that were tried here just now, by their effort; they come before records.
    """

    def __init__(self, cache: StageCache, timings: Sequence[tuple[Any, float]] = ()) -> None:
        self.timings = timings
        self._cache = cache
        self._kinds: dict[str, list[StageRecord]] = {}

    def records(self, kind: str) -> list[StageRecord]:
        """Records of all finished stages of one kind, whatever campaign made them."""
        if kind not in self._kinds:
            self._kinds[kind] = list(self._cache.records(kind))
        return self._kinds[kind]
