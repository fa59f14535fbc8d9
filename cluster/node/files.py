"""Files that are whole or not there, whoever reads them and whenever the writer dies."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a file under another name, then put it in the place of what is at ``path``.

    Parameters
    ----------
    path
        In a folder that is there.
    text
        Written as UTF-8.
    mode
        Permissions of the new file, less those that the umask takes.
    """
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
