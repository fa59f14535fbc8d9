"""Scripts of examples/ run as they are, from an empty folder; the shortest is short."""

from __future__ import annotations

import contextlib
import runpy
from pathlib import Path

import pytest

from campaign.plan.fingerprint import PROJECT

EXAMPLES = PROJECT / "examples"


@pytest.mark.long
@pytest.mark.parametrize(("name", "said"), [("own_stack", "reflected 0.2"), ("own_images", "image 7 of stripes.npy")])
def test_examples_run(name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.chdir(tmp_path):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert said in capsys.readouterr().out


def test_the_shortest_has_fewer_than_20_lines() -> None:
    assert min(len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")) < 20


def test_what_the_others_ask_for_is_there() -> None:
    from campaign.design.outcome import DesignOutcome
    from campaign.design.request import DesignRequest

    DesignRequest(targets=(0.68,), dataset="data-ii", method="gan-mdn", count=4, simulations=2)
    assert "y" in DesignOutcome.__dataclass_fields__
