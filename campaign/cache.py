"""The cache of stage results: one folder a key, there whole or not at all.

A stage works in ``<key>.partial`` and is done when that folder has been renamed to ``<key>``, so a stage that was
killed goes on where it stopped. A lock file beside it keeps two runs from computing the same key at the same time.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from campaign.keys import KeyParts
from campaign.pipeline import Stage

RECORD_FILE = "stage.json"
FAILURE_FILE = "failure.json"  # in the folder of an unfinished stage that failed
LOCK_POLL_SECONDS = 0.5


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
        """Where the unfinished result lies."""
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

    @contextmanager
    def claim(self, stage: Stage, key: str, while_waiting: Callable[[], None]) -> Iterator[Path]:
        """Own the partial folder of ``stage`` until the block ends; waits while another run owns it.

        The owner's death frees the lock. ``while_waiting`` is called now and then; what it raises ends the wait.
        """
        partial = self.partial(stage, key)
        partial.parent.mkdir(parents=True, exist_ok=True)
        with (partial.parent / f"{key}.lock").open("w") as lock:
            while not _locked(lock):
                while_waiting()
                time.sleep(LOCK_POLL_SECONDS)
            if not self.has(stage, key):
                partial.mkdir(exist_ok=True)
                (partial / FAILURE_FILE).unlink(missing_ok=True)
            yield partial

    def note_failure(self, stage: Stage, key: str, message: str) -> None:
        """Leave word in the partial folder that the stage failed, for the next plan."""
        path = self.partial(stage, key) / FAILURE_FILE
        if path.parent.is_dir():
            path.write_text(json.dumps({"time": time.time(), "message": message}) + "\n", encoding="utf-8")

    def failure(self, stage: Stage, key: str) -> str | None:
        """Why the stage failed when it was last tried, None if it did not."""
        try:
            return json.loads((self.partial(stage, key) / FAILURE_FILE).read_text(encoding="utf-8"))["message"]
        except (FileNotFoundError, ValueError, KeyError):  # the last two: cut short by a crash
            return None

    def finish(self, stage: Stage, record: StageRecord) -> None:
        """Turn the partial folder into the finished one."""
        partial = self.partial(stage, record.key)
        with (partial / RECORD_FILE).open("w", encoding="utf-8") as stream:
            json.dump(asdict(record), stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        partial.rename(self.folder(stage, record.key))


def _locked(stream: TextIO) -> bool:
    """Try to lock a file; the kernel frees it when its owner closes it or dies."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
