"""Whether a phase of a periodic image hangs together: pieces on the torus, and the ways in which they wrap around.

Pixels are neighbours when they share a side, not when they share a corner alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Joint = tuple[int, int, tuple[int, int]]
"""Two parts of the cell that meet at its border, and the neighbouring cell (down, right) in which the second lies."""


@dataclass(frozen=True)
class PhaseConnection:
    """How a phase hangs together.

    Attributes
    ----------
    pieces
        Connected pieces on the torus.
    directions
        Independent directions in which a piece wraps around the torus and meets itself: 0 for islands, 1 for stripes,
        2 for a piece that goes on for ever both ways.
    """

    pieces: int
    directions: int

    @property
    def is_whole(self) -> bool:
        """Whether the phase is one piece in the infinite pattern: nothing of it floats, and no cell is cut off."""
        return self.pieces == 1 and self.directions == 2


def connection(phase: np.ndarray) -> PhaseConnection:
    """How a phase, bool (H, W), of a periodic image hangs together."""
    _, pieces = _pieces(phase)
    windings = [winding for piece in pieces for winding in piece.windings]
    return PhaseConnection(len(pieces), _rank(windings))


def without_islands(phase: np.ndarray) -> np.ndarray | None:
    """The piece that goes on for ever both ways, bool (H, W), without all others; None where there is no such piece.

    There is one at most: two would cross.
    """
    labels, pieces = _pieces(phase)
    for piece in pieces:
        if _rank(piece.windings) == 2:
            return np.isin(labels, piece.labels)
    return None


@dataclass(frozen=True)
class _Piece:
    """A piece on the torus: labels of its parts in the cell, and by how many cells ways that come back have moved."""

    labels: list[int]
    windings: list[tuple[int, int]]


def _pieces(phase: np.ndarray) -> tuple[np.ndarray, list[_Piece]]:
    """Labels of the parts of a phase in the cell, (H, W), and the pieces that they make on the torus."""
    labels, count = ndimage.label(phase)
    neighbours: dict[int, list[Joint]] = {label: [] for label in range(1, count + 1)}
    for first, second, (down, right) in _joints(labels):
        neighbours[first].append((first, second, (down, right)))
        neighbours[second].append((second, first, (-down, -right)))
    pieces: list[_Piece] = []
    cells: dict[int, tuple[int, int]] = {}  # in which a part lies, of the infinite pattern
    for label in neighbours:
        if label not in cells:
            known = set(cells)
            windings = list(_walk(label, neighbours, cells))
            pieces.append(_Piece([each for each in cells if each not in known], windings))
    return labels, pieces


def _rank(windings: Sequence[tuple[int, int]]) -> int:
    return int(np.linalg.matrix_rank(np.array([(0, 0), *windings])))


def _joints(labels: np.ndarray) -> set[Joint]:
    """Where parts of the cell meet across its borders."""
    pairs = (labels[-1], labels[0], (1, 0)), (labels[:, -1], labels[:, 0], (0, 1))
    return {
        (int(first), int(second), to)
        for firsts, seconds, to in pairs
        for first, second in zip(firsts, seconds, strict=True)
        if first and second
    }


def _walk(
    start: int, neighbours: dict[int, list[Joint]], cells: dict[int, tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Visit all that hangs together with ``start``; by how many cells a way that comes back has moved."""
    cells[start], left = (0, 0), [start]
    while left:
        for first, second, (down, right) in neighbours[left.pop()]:
            there = cells[first][0] + down, cells[first][1] + right
            if second not in cells:
                cells[second] = there
                left.append(second)
            else:
                yield there[0] - cells[second][0], there[1] - cells[second][1]
