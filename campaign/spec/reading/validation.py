"""What pydantic and the models' own rules find wrong, as problems at their places in the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from campaign.spec.problems import VIOLATIONS, Problem, Violation, suggestion
from campaign.spec.profile import Profile
from campaign.spec.reading.advice import (
    ADVICE,
    Advice,
    ErrorDetails,
    as_pydantic_says,
    missing_key,
    nearest,
    wrong_length,
)
from campaign.spec.reading.places import KeyPlace, find_place, homes_of, place_below
from campaign.spec.reading.tree import KeyPath, Node, key_text

MOST_HOMES = 3


def problems_of(errors: Iterable[ErrorDetails], root: Node, schema: Any) -> list[Problem]:
    """One problem for each mistake.

    Parameters
    ----------
    errors
        ``pydantic.ValidationError.errors()``.
    root
        The tree that was validated.
    schema
        The type that it was validated against.
    """
    details = list(errors)
    misspelt = {key for error in details if (key := _meant(error, root, schema))}
    # A misspelt key is missing too: one mistake, one problem.
    left = (error for error in details if error["type"] != "missing" or _keys(error, root, schema) not in misspelt)
    return list(dict.fromkeys(problem for error in left for problem in _problems(error, root, schema)))


def problems_of_violations(violations: Iterable[Violation], root: Node, schema: Any) -> list[Problem]:
    """One problem for each rule that the values break which ``root`` holds and ``schema`` has accepted."""
    place = find_place(root, schema, ())
    return [_of_violation(place, violation) for violation in violations]


def _of_violation(model: KeyPlace, violation: Violation) -> Problem:
    return _problem(place_below(model, violation.at), Advice(violation.rule, violation.fix), violation.value)


def _keys(error: ErrorDetails, root: Node, schema: Any) -> KeyPath:
    return find_place(root, schema, error["loc"]).path


def _meant(error: ErrorDetails, root: Node, schema: Any) -> KeyPath | None:
    """Path of the key that an unknown key is probably meant to be."""
    if error["type"] != "extra_forbidden":
        return None
    place = find_place(root, schema, error["loc"])
    known = place.owner.model_fields if place.owner else {}
    close = difflib.get_close_matches(place.name, known, n=1)
    return (*place.path[:-1], close[0]) if close else None


def _problems(error: ErrorDetails, root: Node, schema: Any) -> Iterator[Problem]:
    kind, location = error["type"], error["loc"]
    place = find_place(root, schema, location)
    if kind == VIOLATIONS:
        for violation in error["ctx"][VIOLATIONS]:
            yield _of_violation(place, violation)
    elif kind == "missing" and isinstance(location[-1], int):
        tuple_place = find_place(root, schema, location[:-1])
        yield _problem(tuple_place, wrong_length(error, tuple_place))
    elif kind == "missing":
        if place.parent is None or not place.parent.incomplete:
            yield _problem(place, missing_key(place))
    elif kind == "extra_forbidden":
        at_key = replace(place, mark=place.key_mark or place.mark)
        yield _problem(at_key, Advice("is not a known key", _of_unknown_key(place, schema)), f"'{place.name}'")
    elif kind in {"union_tag_invalid", "union_tag_not_found"}:
        if place.node is None or not place.node.incomplete:
            yield _wrong_kind(place)
    elif kind == "too_short" and place.node and place.node.content:
        return  # pydantic leaves out entries that are wrong themselves, which are problems already
    else:
        value = f"'{place.name}'" if location[-1:] == ("[key]",) else None
        yield _problem(place, ADVICE.get(kind, as_pydantic_says)(error, place), value)


def _of_unknown_key(place: KeyPlace, schema: Any) -> str:
    """The key that was meant, or where it belongs."""
    known = place.owner.model_fields if place.owner else {}
    fix = suggestion(place.name, known)
    if not fix.startswith("known"):
        return fix
    if place.name.isdigit() and place.node is not None and place.node.content is None:
        return "write a point before decimals, a comma ends the value"
    here = key_text([part for part in place.path[:-1] if isinstance(part, str)])
    homes = [home for home in dict.fromkeys(homes_of(place.name, schema)) if home != here]
    if homes:
        listed = ", ".join(homes[:MOST_HOMES]) + (" and others" if len(homes) > MOST_HOMES else "")
        return f"it is a key of {listed}; {fix}"
    if schema is not Profile and (place.name == "profile" or next(homes_of(place.name, Profile), None) is not None):
        return f"where a campaign runs stands in a file of its own, named by --profile; {fix}"
    return f"{fix}; a spec for a newer version of this program needs that version"


def _problem(place: KeyPlace, advice: Advice, value: str | None = None) -> Problem:
    if value is None and place.node is not None:
        value = place.node.shown()
    mark = place.mark
    return Problem(mark.file, mark.line, mark.column, key_text(place.path), advice.rule, value, advice.fix)


def _wrong_kind(place: KeyPlace) -> Problem:
    kinds, node = place.kinds, place.node
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    given = node.child("kind") if node else None
    if node is not None and isinstance(node.content, dict):
        slip = next(iter(difflib.get_close_matches("kind", node.content, n=1)), None) if given is None else None
        if slip is not None:
            place = place_below(place, (slip,))
            at_key = replace(place, mark=place.key_mark or place.mark)
            return _problem(at_key, Advice("is not a known key", "did you mean 'kind'?"), f"'{slip}'")
        place = place_below(place, ("kind",))
    if given is None and place.node is None:
        return _problem(place, Advice("is missing", f"add 'kind: {kinds[0]}', one of {listed}"))
    return _problem(place, Advice(f"must be one of {listed}", nearest(place, kinds)))
