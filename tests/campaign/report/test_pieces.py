from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage, StageKind
from campaign.plan.pipeline import Pipeline
from campaign.report.pieces import Pieces
from campaign.spec.base import Model
from campaign.spec.campaign import Spec
from results.report import DataTable, Picture


class Told(StageKind[Model]):
    """Two stages whose kind gives what a test says."""

    name = "told"
    schema_version = 1

    def __init__(self, *pieces: object) -> None:
        self.pieces = pieces
        self.asked: list[list[str]] = []

    def stages(self, spec: Spec) -> Iterator[Stage[Model]]:
        yield from (Stage(self, Model(), part=part) for part in ("a", "b"))

    def report(self, stages: Sequence[Stage[Model]], results: StageResults) -> Iterator[object]:
        self.asked.append([stage.name for stage in stages])
        yield from self.pieces


def pieces_of(kind: Told, spec: Spec, cache: Path) -> Pieces:
    return Pieces.of(StageResults(Pipeline.of(spec, [kind]), StageCache(cache)))


def test_a_kind_is_asked_once_for_all_its_stages(make_spec: Callable[..., Spec], tmp_path: Path) -> None:
    table = DataTable(("a",), (("1",),))
    kind = Told(table, table)
    pieces = pieces_of(kind, make_spec(), tmp_path)
    assert kind.asked == [["told/a", "told/b"]]
    assert pieces.all(DataTable) == [table, table]
    assert pieces.all(Picture) == []


def test_what_the_report_does_not_know_is_refused(make_spec: Callable[..., Spec], tmp_path: Path) -> None:
    with pytest.raises(
        TypeError, match=r"stages of kind told must give the report TableRow, .*Reach, .*DataTable, got dict"
    ):
        pieces_of(Told({}), make_spec(), tmp_path)
