"""What a command says of a run that stopped before its end, and its exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from campaign import api
from campaign.cli.endings import endings
from campaign.run.freeze import SourceChangedError
from cluster.slurm.controller import SlurmError

GOES_ON = "finished work is kept: `campaign submit a.yaml` goes on"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (api.CampaignFailedError("labels/a: ValueError: no luck"), 1, "failed:\nlabels/a: ValueError: no luck"),
        (
            OSError(28, "No space left on device"),
            1,
            "failed:\nOSError: [Errno 28] No space left on device; free some space, then submit again: finished work "
            "is kept",
        ),
        (SourceChangedError("edited"), 2, "edited"),
        (api.RunBusyError("another process is running it"), 3, "another process is running it"),
        (SlurmError(["sbatch"], "busy"), 1, f"`sbatch` failed: busy; {GOES_ON}"),
        (api.RunCancelledError(), 4, f"cancelled; {GOES_ON}"),
        (KeyboardInterrupt(), 130, f"\nstopped; {GOES_ON}"),
    ],
)
def test_every_ending_has_its_line_and_its_code(error: BaseException, code: int, said: str, capsys: Any) -> None:
    with pytest.raises(typer.Exit) as ended, endings("campaign submit a.yaml"):
        raise error
    assert ended.value.exit_code == code
    assert capsys.readouterr().err == f"{said}\n"


def test_a_mistake_of_ours_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), endings("campaign submit a.yaml"):
        raise ZeroDivisionError
