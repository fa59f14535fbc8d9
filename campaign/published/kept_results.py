"""Results of many small tasks, each kept in a file of its own, so that work which was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.files import write_json

if TYPE_CHECKING:
    from cluster.pool.pool import WorkerPool


Progress = Callable[[int, int, str], None]


class KeptResults:
    """Runs tasks on workers and keeps their results, JSON data, in ``folder``; those that are there do not run again.

    ``progress(done, total, what)`` is called after every result.
    """

    def __init__(self, folder: Path, pool: WorkerPool, progress: Progress) -> None:
        self.folder, self._pool, self._progress = folder, pool, progress
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, what: str, function: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        """What ``function`` makes of each tuple of arguments, by name.

        Raises
        ------
        Exception
            What the function raised first; results that were there by then are kept.
        """
        found = {name: _read(self.folder / f"{name}.json") for name in tasks}
        missing = [name for name in tasks if found[name] is None]
        self._progress(len(tasks) - len(missing), len(tasks), what)
        shared = self._pool.share(function)
        futures = {self._pool.submit(shared, *tasks[name]): name for name in missing}
        try:
            for done, future in enumerate(as_completed(futures), len(tasks) - len(missing) + 1):
                name = futures[future]
                found[name] = future.result()
                write_json(self.folder / f"{name}.json", found[name])
                self._progress(done, len(tasks), what)
        finally:
            for future in futures:
                future.cancel()
        return found


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
