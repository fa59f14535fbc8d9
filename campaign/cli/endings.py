"""How a command ends whose run stopped before its end: a line for people, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from campaign import api
from campaign.cli.options import BUSY, CANCELLED, FAILED, STOPPED, complain
from campaign.run.endings import message_of
from campaign.run.freeze import SourceChangedError
from cluster.slurm.controller import SlurmError


@contextmanager
def endings(again: str) -> Iterator[None]:
    """Say how a run stopped before its end, and exit with the code for that; the command ``again`` goes on."""
    goes_on = f"finished work is kept: `{again}` goes on"
    try:
        yield
    except api.CampaignFailedError as error:
        _end(f"failed:\n{error}", FAILED)
    except OSError as error:
        _end(f"failed:\n{message_of(error)}", FAILED)
    except SourceChangedError as error:
        complain(str(error))
    except api.CannotStartError as error:
        _end(f"cannot start:\n{error}", FAILED)
    except api.RunBusyError as error:
        _end(str(error), BUSY)
    except SlurmError as error:
        _end(f"{error}; {goes_on}", FAILED)
    except api.RunCancelledError:
        _end(f"cancelled; {goes_on}", CANCELLED)
    except KeyboardInterrupt:
        _end(f"\nstopped; {goes_on}", STOPPED)


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(code) from None
