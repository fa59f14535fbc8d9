"""What a user is told of an exception: its class, its text, what it was about, and the way out where there is one."""

from __future__ import annotations

# By what the system says: stages hear of it in their own process, in workers, or in the text of a library's error.
WAYS_OUT = {
    "No space left on device": "free some space, then submit again: finished work is kept",
    "Disk quota exceeded": "free some space, then submit again: finished work is kept",
    "Read-only file system": "name a folder that can be written (--runs, or cache in the profile)",
    "Permission denied": "name a folder that can be written (--runs, or cache in the profile), or change its mode",
    "Too many open files": "raise the limit with `ulimit -n 65536`, then submit again",
}


def told(error: BaseException) -> str:
    """An exception in one line or a few, without a traceback; for example ``KeyError: 'x' (row 3 of a.zarr)``."""
    text = f"{type(error).__name__}: {error}" + "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    ways = [way for cause, way in WAYS_OUT.items() if cause in text]
    return "; ".join([text, *ways[:1]])
