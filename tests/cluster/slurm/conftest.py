"""Nothing here needs Ray."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def _ship_test_functions() -> None:
    """No function of these tests goes to a worker."""
