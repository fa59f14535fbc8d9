from __future__ import annotations

import re

import pytest

from photonics.rcwa.numerics import Numerics


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"orders": -1}, "orders must be an integer >= 0, got -1; 5 to 9 is usual"),
        ({"orders": 2.0}, "orders must be an integer >= 0, got 2.0; 5 to 9 is usual"),
        ({"orders": True}, "orders must be an integer >= 0, got True; 5 to 9 is usual"),
        (
            {"truncation": "round"},
            "truncation must be one of square, circular, got 'round'; choose one of them",
        ),
        ({"factorization": "jones"}, "factorization must be one of laurent, li, got 'jones'; choose one of them"),
        ({"pixels": "fft"}, "pixels must be one of exact, dft, got 'fft'; choose one of them"),
        (
            {"solver": "fast"},
            "solver must be one of auto, transfer, preconditioned, eigen, got 'fast'; choose one of them",
        ),
    ],
)
def test_bad_choices_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Numerics(**{"orders": 3, **changes})  # type: ignore[arg-type]
