"""A run's logs: what the driver wrote, and what the workers of each stage printed, as they grow."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from campaign.record.events import Event
from campaign.record.worker_log import DRIVER_LOG, LOGS_FOLDER

log = logging.getLogger(__name__)
DRIVER_LINE = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ \[([^]]*)\] ")


def driver_log_handler(path: Path) -> logging.Handler:
    """Handler of the driver's log, in which every line says the stage that it is about."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(stage)s] %(message)s"))
    handler.addFilter(_name_stage)
    handler.handleError = _ignore  # type: ignore[method-assign]  # a full disk is reported elsewhere
    return handler


@contextmanager
def driver_log(path: Path) -> Iterator[None]:
    """Write what the driver logs in this block to ``path``, and nowhere else."""
    handler = driver_log_handler(path)
    logger = logging.getLogger("campaign")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


def log_event(event: Event) -> None:
    """Write an event, unless it is progress, as a line of the driver's log."""
    if event["event"] != "progress":
        left_out = {"time", "event", "stage", "stages"}
        facts = " ".join(f"{name}={value}" for name, value in event.items() if name not in left_out and value)
        log.info("%s %s", event["event"], facts, extra={"stage": event.get("stage", "")})


def _ignore(record: logging.LogRecord) -> None:
    pass


def _name_stage(record: logging.LogRecord) -> bool:
    # Stages run in threads of their name; the main thread names the stage that it writes about.
    record.stage = getattr(record, "stage", record.threadName)
    return True


class LogReader:
    """Lines of a run's logs since the last look, each with the file that it comes from.

    Parameters
    ----------
    run_folder
        The run.
    stage
        Only what concerns this stage, or the stages below this name; None for all of the run.
    """

    def __init__(self, run_folder: Path, stage: str | None = None) -> None:
        self._logs = run_folder / LOGS_FOLDER
        self._stage = stage
        self._offsets: dict[Path, int] = {}
        self._about = ""  # the stage of the driver's last line

    def new(self) -> Iterator[tuple[str, str]]:
        """Whole lines that are new: where they come from, such as ``labels/data-i on node1``, and the line."""
        for line in self._grown(self._logs / DRIVER_LOG):
            if (header := DRIVER_LINE.match(line)) is not None:
                self._about = header[1]
            if self._is_wanted(self._about):
                yield "driver", line
        stages = self._logs / "stages"
        for path in sorted(stages.rglob("*.log")):
            stage = path.parent.relative_to(stages).as_posix()
            if self._is_wanted(stage):
                for line in self._grown(path):
                    yield f"{stage} on {path.stem}", line

    def _is_wanted(self, stage: str) -> bool:
        return self._stage is None or stage == self._stage or stage.startswith(f"{self._stage}/")

    def _grown(self, path: Path) -> Iterator[str]:
        try:
            with path.open("rb") as stream:
                stream.seek(self._offsets.get(path, 0))
                for line in stream:
                    if not line.endswith(b"\n"):
                        return
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    yield line.decode("utf-8", errors="replace").rstrip("\r\n")
        except FileNotFoundError:
            return
