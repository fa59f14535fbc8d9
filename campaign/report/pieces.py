"""What stages give the report, kind by kind: pieces that stand by themselves, and pieces that are put together.

======================  =========================================================================================
``TableRow``            a line of Table 1
``MethodDesigns``       best designs, for the gallery
``SearchHistory``       how a search went, for the figure of them all
``ImageSet``            images, for their morphology; those of a data set are its examples in the gallery
``TruncationSample``    what a data set's labels leave out, which every line of the table says of its data set
``Reach``               how far a data set's labels reach, likewise
``JudgedGenerator``     how good the generator's images of a data set are, for programs
``Picture``             a figure with its caption, in whatever section it names
``DataTable``           a further table, likewise
======================  =========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage, StageKind
from results.figures.gallery import MethodDesigns
from results.figures.morphology import ImageSet
from results.figures.targets import SearchHistory
from results.figures.truncation import TruncationSample
from results.report import DataTable, Picture
from results.table.generator import JudgedGenerator
from results.table.reach import Reach
from results.table.rows import TableRow

Piece = (
    TableRow
    | MethodDesigns
    | SearchHistory
    | ImageSet
    | TruncationSample
    | Reach
    | JudgedGenerator
    | Picture
    | DataTable
)
T = TypeVar("T")


@dataclass(frozen=True)
class Pieces:
    """All that the stages of a run give."""

    pieces: Sequence[Piece]

    @classmethod
    def of(cls, results: StageResults) -> Pieces:
        """Ask every kind for its pieces; raises TypeError for one that the report does not know."""
        return cls(list(_given(results)))

    def all(self, kind: type[T]) -> list[T]:
        """Those of one type, in the order in which they were given."""
        return [piece for piece in self.pieces if isinstance(piece, kind)]


def _given(results: StageResults) -> Iterator[Piece]:
    stages: dict[StageKind[Any], list[Stage[Any]]] = {}
    for stage in results.pipeline.stages:
        stages.setdefault(stage.descriptor, []).append(stage)
    for kind, own in stages.items():
        for piece in kind.report(own, results):
            if not isinstance(piece, Piece):
                known = ", ".join(each.__name__ for each in get_args(Piece))
                raise TypeError(f"stages of kind {kind.name} must give the report {known}, got {type(piece).__name__}")
            yield piece
