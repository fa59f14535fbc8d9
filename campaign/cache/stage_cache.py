"""The cache of stage results: one folder a key, there whole or not at all.

A stage works in ``<key>.partial-<token of its owner>`` and is done when that folder has been renamed to ``<key>``, so a
stage that was killed goes on where it stopped. ``lease`` keeps two runs from computing the same key at the same time,
wherever they run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.cache.lease import Lease, LeaseBusyError, leased, unfinished
from results.files import write_atomically

if TYPE_CHECKING:
    from campaign.plan.keys import KeyParts
    from campaign.plan.kind import Stage

RECORD_FILE = "stage.json"
FAILURE_FILE = "failure.json"  # in the folder of an unfinished stage that failed


@dataclass(frozen=True)
class StageRecord:
    """What a finished stage says of itself; lies in its folder as ``stage.json``.

    ``seconds`` is wall time since the last start, waits for workers included; ``core_seconds`` is work alone.
    ``config``, ``input_keys``, ``file_keys``, ``schema`` and ``code`` are what its key was made of; records of earlier
    versions lack the last three.
    """

    name: str
    key: str
    config: dict[str, Any]
    input_keys: dict[str, str]
    seconds: float
    facts: dict[str, Any]
    core_seconds: float = 0.0
    file_keys: dict[str, str] = field(default_factory=dict)
    schema: int | None = None
    code: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, name: str, key: str, parts: KeyParts, seconds: float, facts: dict[str, Any], core_seconds: float
    ) -> StageRecord:
        """Record of the stage ``name``, whose ``key`` was made of ``parts``."""
        return cls(
            name,
            key,
            dict(parts.config),
            dict(parts.inputs),
            seconds,
            facts,
            core_seconds,
            dict(parts.files),
            parts.schema,
            dict(parts.code),
        )


class StageCache:
    """Finished and unfinished stage folders below one root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, stage: Stage, key: str) -> Path:
        """Where the finished result of ``stage`` lies, or will lie."""
        return self.root / stage.kind / key

    def partial(self, stage: Stage, key: str) -> Path:
        """Where the unfinished result lies, or would lie if there were one that nobody works on."""
        base = self._base(stage, key)
        return unfinished(base) or base

    def _base(self, stage: Stage, key: str) -> Path:
        return self.root / stage.kind / f"{key}.partial"

    def has(self, stage: Stage, key: str) -> bool:
        """Whether the result is there, whole."""
        return (self.folder(stage, key) / RECORD_FILE).is_file()

    def record(self, stage: Stage, key: str) -> StageRecord:
        """The finished stage's own record."""
        return StageRecord(**json.loads((self.folder(stage, key) / RECORD_FILE).read_text(encoding="utf-8")))

    def records(self, kind: str) -> Iterator[StageRecord]:
        """Records of all finished stages of one kind, whatever campaign made them."""
        for path in sorted((self.root / kind).glob(f"*/{RECORD_FILE}")):
            yield StageRecord(**json.loads(path.read_text(encoding="utf-8")))

    def lease(
        self, stage: Stage, key: str, while_waiting: Callable[[LeaseBusyError], None]
    ) -> AbstractContextManager[Lease]:
        """Own the unfinished folder of ``stage`` until the block ends; waits while another run owns it.

        The owner's death frees the folder. ``while_waiting`` is called now and then; what it raises ends the wait.
        """
        base = self._base(stage, key)
        base.parent.mkdir(parents=True, exist_ok=True)
        return leased(base, while_waiting)

    def note_failure(self, lease: Lease, message: str) -> None:
        """Leave word in the unfinished folder that the stage failed, for the next plan."""
        write_atomically(lease.folder / FAILURE_FILE, json.dumps({"time": time.time(), "message": message}) + "\n")

    def forget_failure(self, lease: Lease) -> None:
        """The stage is tried again."""
        (lease.folder / FAILURE_FILE).unlink(missing_ok=True)

    def failure(self, stage: Stage, key: str) -> str | None:
        """Why the stage failed when it was last tried, None if it did not."""
        try:
            return json.loads((self.partial(stage, key) / FAILURE_FILE).read_text(encoding="utf-8"))["message"]
        except (FileNotFoundError, ValueError, KeyError):  # the last two: cut short by a crash
            return None

    def finish(self, lease: Lease, stage: Stage, record: StageRecord) -> None:
        """Turn the unfinished folder into the finished one; raises ``lease.LeaseLostError`` when it is another's."""
        write_atomically(lease.folder / RECORD_FILE, json.dumps(asdict(record), indent=2))
        lease.finish(self.folder(stage, record.key))

    def reopen(self, stage: Stage, key: str) -> Path:
        """Turn a finished folder into an unfinished one that nobody owns; its path."""
        base = self._base(stage, key)
        self.folder(stage, key).rename(base)
        (base / RECORD_FILE).unlink()
        return base


class RecordIndex:
    """Records of finished stages, each kind read once: what a plan looks things up in."""

    def __init__(self, cache: StageCache) -> None:
        self._cache = cache
        self._kinds: dict[str, list[StageRecord]] = {}

    def records(self, kind: str) -> list[StageRecord]:
        """Records of all finished stages of one kind, whatever campaign made them."""
        if kind not in self._kinds:
            self._kinds[kind] = list(self._cache.records(kind))
        return self._kinds[kind]
