"""Where one of pydantic's errors belongs: its location followed through the file's tree and the models' types."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from campaign.spec.reading.tree import KeyPath, Mark, Node, key_text


@dataclass(frozen=True)
class KeyPlace:
    """What an error is about.

    Attributes
    ----------
    path
        Keys and indices from the root.
    node
        The value, None where nothing stands.
    mark
        The value, its key if the value begins on a later line, else the nearest place around it.
    annotation
        The type that belongs there.
    key_mark
        The key, if the value stands under one.
    field
        The model's field, None inside lists and plain mappings.
    owner
        The model class whose key it is.
    parent
        The value around it.
    """

    path: KeyPath
    node: Node | None
    mark: Mark
    annotation: Any
    key_mark: Mark | None = None
    field: FieldInfo | None = None
    owner: type[BaseModel] | None = None
    parent: Node | None = None

    @property
    def name(self) -> str:
        """The last key on the path."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")

    @property
    def number(self) -> float | None:
        """The value as a number, if it is one."""
        content = self.node.content if self.node else None
        return float(content) if isinstance(content, int | float) and not isinstance(content, bool) else None

    @property
    def kinds(self) -> list[str]:
        """Names of the alternatives where the type is a union, else empty."""
        members = members_of(self.annotation)
        return [str(tag) for member in members for tag in _tags(member)] if len(members) > 1 else []


def find_place(root: Node, schema: Any, location: Iterable[str | int]) -> KeyPlace:
    """Follow ``loc`` of a pydantic error from the root.

    Besides keys a location holds the tags of unions, and ``[key]`` for a mapping's key itself; the types alone
    distinguish them from keys of the same name.
    """
    place = KeyPlace((), root, root.mark, schema)
    for part in location:
        members = members_of(place.annotation)
        if part == "[key]":
            place = replace(place, node=None, mark=place.key_mark or place.mark)
        elif len(members) > 1:
            chosen = [member for member in members if part in _tags(member)]
            place = replace(place, annotation=_bare(chosen[0]) if chosen else Any)
        else:
            place = _step(place, _bare(members[0]), part)
    return place


def place_below(place: KeyPlace, path: KeyPath) -> KeyPlace:
    """Go down from a model's place by keys alone; ``kind`` in the file decides unions on the way."""
    for part in path:
        members = members_of(place.annotation)
        kind = place.node.child("kind") if place.node else None
        tag = (kind or place.node).content if place.node else None  # type: ignore[union-attr]
        chosen = [member for member in members if tag in _tags(member)] or members
        place = _step(place, _bare(chosen[0]), part)
    return place


def members_of(annotation: Any) -> list[Any]:
    """Alternatives of a type, None left out; a type that is no union is its own single one."""
    if get_origin(annotation) is Annotated:
        tagged = any(isinstance(extra, Tag) for extra in annotation.__metadata__)
        return [annotation] if tagged else members_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return members if len(members) > 1 else members_of(members[0])
    return [annotation]


def homes_of(key: str, schema: Any, path: KeyPath = ()) -> Iterator[str]:
    """Blocks below the type ``schema`` that have a key of that name, the outermost first."""
    inner = []
    for member in map(_bare, members_of(schema)):
        if isinstance(member, type) and issubclass(member, BaseModel):
            if key in member.model_fields:
                yield key_text(path)
            inner += [(field.annotation, (*path, name)) for name, field in member.model_fields.items()]
        elif get_origin(member) in (dict, tuple):
            inner += [(argument, path) for argument in get_args(member)]
    for annotation, below in inner:
        yield from homes_of(key, annotation, below)


def _step(place: KeyPlace, annotation: Any, part: str | int) -> KeyPlace:
    """Down one key or index from a value of type ``annotation``."""
    node, field, owner = place.node, None, None
    inner: Any = Any
    key_mark = node.keys.get(str(part)) if node else None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        owner, field = annotation, annotation.model_fields.get(str(part))
        inner = field.annotation if field else Any
        if node is not None and isinstance(node.content, list):  # a model written as a list: fields in order
            part = list(annotation.model_fields).index(str(part))
    elif arguments := get_args(annotation):
        inner = arguments[-1] if get_origin(annotation) is dict else arguments[0]
    child = node.child(part) if node else None
    around = node.mark if node and node.mark.file != place.mark.file else place.mark  # an included file lacks it
    mark = child.mark if child else around
    if child and key_mark and (key_mark.file, key_mark.line) != (mark.file, mark.line):
        mark = key_mark
    return KeyPlace((*place.path, part), child, mark, inner, key_mark, field, owner, node)


def _bare(annotation: Any) -> Any:
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _tags(member: Any) -> tuple[Any, ...]:
    """Names under which a union knows one of its members."""
    if get_origin(member) is Annotated:
        return tuple(extra.tag for extra in member.__metadata__ if isinstance(extra, Tag))
    if isinstance(member, type) and issubclass(member, BaseModel) and "kind" in member.model_fields:
        return get_args(member.model_fields["kind"].annotation)
    return ()
