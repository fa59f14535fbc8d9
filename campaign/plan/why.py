"""Why a stage is cached or is not: every item of its key that differs from the nearest result in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

from campaign.cache.stage_cache import RecordIndex, StageRecord
from campaign.plan.changes import changes
from campaign.plan.keys import KeyParts
from campaign.plan.kind import Stage
from campaign.plan.pipeline import Pipeline
from campaign.spec.reading.tree import key_text

NAMED = 3  # fields and modules in one line


@dataclass(frozen=True)
class Difference:
    """One item of a key that is not what it was.

    Attributes
    ----------
    item
        What kind of item: a field of the configuration, an input stage, a file, a module, the result's version.
    name
        The field's dotted path, the input's or file's role, the module.
    before
        Its value in the nearest result, None where it had none; digests for files and modules, keys for inputs.
    now
        Its value in the spec at hand, None where it has none.
    stage
        For an input, the stage that it is.
    because
        For an input, what differs behind it.
    """

    item: Literal["field", "input", "file", "code", "schema"]
    name: str
    before: Any
    now: Any
    stage: str | None = None
    because: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        match self.item:
            case "field":
                return f"{self.name} {shown(self.before)} -> {shown(self.now)}"
            case "schema":
                return f"version of its results {shown(self.before)} -> {shown(self.now)}"
            case "input":
                return f"input {self.stage}"
        changed = "is new" if self.before is None else "is gone" if self.now is None else "edited"
        return f"{self.item} {self.name} {changed}"


@dataclass(frozen=True)
class Explanation:
    """Why a stage is in the state that it is in.

    Attributes
    ----------
    stage
        Its name.
    key
        Its content address.
    state
        Cached, interrupted, failed, changed or new; see ``plan``.
    nearest
        Name and key of the nearest result in the cache, None where there is none of the kind.
    differences
        From the nearest result; none where the stage is cached.
    """

    stage: str
    key: str
    state: str
    nearest: tuple[str, str] | None
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data."""
        return asdict(self)


def nearest_result(stage: Stage[Any], parts: KeyParts, index: RecordIndex) -> StageRecord | None:
    """The result of the stage's kind in the cache whose key shares most with ``parts``, then the name."""
    nearest, least = None, None  # which cannot be bettered by a record that differs in as much
    for record in sorted(index.records(stage.kind), key=lambda record: record.name != stage.name):
        count = sum(1 for _ in islice(_own_differences(record, parts), least))
        if least is None or count < least:
            nearest, least = record, count
    return nearest


def differences(
    record: StageRecord, stage: Stage[Any], pipeline: Pipeline, index: RecordIndex
) -> tuple[Difference, ...]:
    """What of the stage's key is not as in ``record``; an input leads on to what differs behind it."""
    found = []
    for each in _own_differences(record, pipeline.parts[stage.name]):
        if each.item == "input" and each.name in stage.inputs:
            source = pipeline[stage.inputs[each.name]]
            found.append(_of_input(each, source, pipeline, index))
        else:
            found.append(each)
    return tuple(found)


def _of_input(difference: Difference, source: Stage[Any], pipeline: Pipeline, index: RecordIndex) -> Difference:
    old = next((record for record in index.records(source.kind) if record.key == difference.before), None)
    because = differences(old, source, pipeline, index) if old is not None else ()
    return Difference("input", difference.name, difference.before, difference.now, source.name, because)


def causes(found: Sequence[Difference]) -> list[Difference]:
    """The differences at the root, once each: an input that differs stands for what differs behind it."""
    roots: dict[str, Difference] = {}
    for each in found:
        for root in causes(each.because) if each.because else [each]:
            roots.setdefault(str(root), root)
    return list(roots.values())


def summary(found: Sequence[Difference]) -> str:
    """The causes in one line: the first fields, then code by module."""
    roots = causes(found)
    code = [each.name for each in roots if each.item == "code"]
    words = _some([str(each) for each in roots if each.item != "code"])
    return "; ".join([*words, *([f"code of {', '.join(_some(code))}"] if code else [])])


def _some(words: list[str]) -> list[str]:
    left = len(words) - NAMED
    return [*words[:NAMED], *([f"{left} more"] if left > 0 else [])]


def _own_differences(record: StageRecord, parts: KeyParts) -> Iterator[Difference]:
    for path, (before, now) in changes([record.config, parts.config]):
        yield Difference("field", key_text(path), before, now)
    yield from _named("input", record.input_keys, parts.inputs)
    yield from _named("file", record.file_keys, parts.files)
    if record.schema != parts.schema:
        yield Difference("schema", "schema", record.schema, parts.schema)
    yield from _named("code", record.code, parts.code)


def _named(
    item: Literal["input", "file", "code"], before: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[Difference]:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield Difference(item, name, before.get(name), now.get(name))


def shown(value: Any) -> str:
    """A value of a configuration, as a spec would have it in one line."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {shown(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
