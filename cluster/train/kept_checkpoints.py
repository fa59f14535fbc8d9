"""The newest checkpoint of a training of one worker, kept without Ray."""

from __future__ import annotations

import shutil
from pathlib import Path

CHECKPOINT_PREFIX = "step-"  # not Ray's: each of the two passes over what the other has left
PARTIAL = "partial"


class KeptCheckpoints:
    """Checkpoints in a folder, made when the first one comes; a folder with the prefix is always whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def newest(self) -> Path | None:
        """Its folder, or None before the first."""
        return max(self.folder.glob(f"{CHECKPOINT_PREFIX}*"), default=None, key=lambda path: path.name)

    def keep(self, checkpoint: Path) -> Path:
        """Copy a folder, in place of the one before; where the copy lies."""
        before = self.newest()
        number = 0 if before is None else int(before.name.removeprefix(CHECKPOINT_PREFIX)) + 1
        # Copied under another name first.
        partial, kept = self.folder / PARTIAL, self.folder / f"{CHECKPOINT_PREFIX}{number:09d}"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(checkpoint, partial)
        partial.rename(kept)
        if before is not None:
            shutil.rmtree(before)
        return kept
