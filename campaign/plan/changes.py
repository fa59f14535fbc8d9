"""Where plain data of several runs differ: fields of configurations, settings of specs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str | int, ...]


def changes(values: Sequence[Any], path: Path = ()) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    """Paths at which plain JSON values differ, each with its value in every one of them; None where one has none.

    Lists are followed where they are equally long, else they are one value.
    """
    if all(value == values[0] for value in values):  # most of what is asked, and quickly told
        return
    if all(isinstance(value, Mapping) for value in values):
        for name in dict.fromkeys(name for value in reversed(values) for name in value):
            yield from changes([value.get(name) for value in values], (*path, name))
    elif all(isinstance(value, list | tuple) for value in values) and len(set(map(len, values))) == 1:
        for index, each in enumerate(zip(*values, strict=True)):
            yield from changes(each, (*path, index))
    elif any(_plain(value) != _plain(values[0]) for value in values):
        yield path, tuple(values)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
