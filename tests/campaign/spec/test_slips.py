"""Slips of the pen in a whole spec: none is accepted without a word, and each is told where it stands."""

from __future__ import annotations

import re

import pytest
from slips import PHYSICS, SLIPS, SPEC, SPECS, Answer, Slip, answers, table

PLACE = re.compile(r"(?P<file>[^:]+):(?P<line>\d+):\d+: (?P<key>[^:]+): .+; .+")


@pytest.fixture(scope="module")
def found() -> dict[Slip, Answer]:
    return dict(answers())


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name)
def test_a_slip_is_refused_or_warned_of_where_it_stands(slip: Slip, found: dict[Slip, Answer]) -> None:
    assert found[slip].state in {"refused", "warned of"}
    changed = next(file for file in (SPEC, PHYSICS) if slip.meant in (SPECS / file).read_text())
    first = (SPECS / changed).read_text().partition(slip.meant)[0].count("\n") + 1
    expected = {slip.told_at} if slip.told_at else set(range(first, first + slip.written.count("\n") + 1))
    places = [PLACE.fullmatch(line) for line in found[slip].lines]
    assert all(places), found[slip].lines
    assert expected & {int(place["line"]) for place in places if place and place["file"] == str(changed)}


def test_the_page_of_slips_is_that_of_today(found: dict[Slip, Answer]) -> None:
    assert len(SLIPS) >= 90
    page = SPECS.parent / "docs" / "results" / "slips.md"
    assert page.read_text() == table(list(found.items())), "run benchmarks/slips.py --output docs/results/slips.md"
