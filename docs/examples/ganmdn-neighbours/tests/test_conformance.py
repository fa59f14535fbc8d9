"""The parts keep the promises that campaigns rest on; run with pytest where the package is installed."""

from __future__ import annotations

import pytest

from campaign.conformance import check_plugin


@pytest.mark.parametrize(
    ("group", "kind", "options"),
    [
        ("campaign.simulators", "white-share", {"gain": 2.0}),
        ("campaign.inverse_models", "nearest-neighbours", {"neighbours": 3}),
        ("campaign.optimizers", "local-search", {}),
    ],
)
def test_part_conforms(group: str, kind: str, options: dict[str, float]) -> None:
    check_plugin(group, kind, options)
