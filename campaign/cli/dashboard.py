"""How to reach the Ray dashboard of a running campaign from one's own machine."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from campaign import api

DEFAULT_TOKEN_FILE = Path("~/.ray/auth_token")  # where Ray itself looks last
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class NoDashboardError(Exception):
    """The run has no dashboard that could be reached; the text says why."""


@dataclass(frozen=True)
class Dashboard:
    """The way to a dashboard.

    Attributes
    ----------
    host
        Where the driver runs.
    url
        Address on that host.
    tunnel
        Command for the user's own machine.
    page
        Address there, once the tunnel stands.
    token
        What the page asks for; None where this user may not read it.
    token_hint
        What to do without it.
    """

    host: str
    url: str
    tunnel: str
    page: str
    token: str | None
    token_hint: str


def find_dashboard(run_folder: Path, port: int, environment: Mapping[str, str] = os.environ) -> Dashboard:
    """Look the dashboard of a run up in its event log.

    Parameters
    ----------
    run_folder
        The run.
    port
        Of the tunnel on the user's own machine.
    environment
        Where Ray's token may be named.

    Raises
    ------
    NoDashboardError
        The run has ended or not begun, has no cluster yet, or has one without a dashboard.
    """
    status = api.status(run_folder)
    if status.state != "running" or status.host is None:
        raise NoDashboardError(
            f"{run_folder} has no living cluster: it is {status.state}; its history is in `campaign status "
            f"{run_folder}`, `campaign logs {run_folder}` and report.html"
        )
    if status.cpus is None:
        raise NoDashboardError(
            f"{run_folder}: the cluster is not up yet, or everything so far came from the cache; try again"
        )
    if status.dashboard is None:
        raise NoDashboardError(f"{run_folder}: its cluster has no dashboard; the profile says dashboard: false")
    token = read_token(status.token_file, environment)
    return Dashboard(
        host=status.host,
        url=status.dashboard,
        tunnel=tunnel_command(status.dashboard, status.host, port),
        page=f"http://127.0.0.1:{port}",
        token=token,
        token_hint=f"cannot be read by you; on {status.host}, as who submitted: ray get-auth-token",
    )


def tunnel_command(url: str, host: str, port: int) -> str:
    """The ssh command that makes the dashboard at ``url`` of ``host`` appear on ``port`` of the user's machine.

    Typed on the host itself it leads there; typed on a login node it leads through that node.
    """
    address = urlsplit(url)
    target = "127.0.0.1" if address.hostname in LOOPBACK else address.hostname
    command = ["ssh", "-N", "-L", f"{port}:{target}:{address.port or 80}"]
    user, here = getpass.getuser(), _name_from_outside()
    if host == socket.gethostname():
        return shlex.join([*command, f"{user}@{here}"])
    return shlex.join([*command, "-J", f"{user}@{here}", f"{user}@{host}"])


def _name_from_outside() -> str:
    """This machine's full name; its short one where no name server knows more."""
    full = socket.getfqdn()
    return socket.gethostname() if full.startswith("localhost") else full


def read_token(file: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Ray's token: of the run's own cluster if it has a file, else where Ray itself looks; None if unreadable."""
    if file is None and environment.get("RAY_AUTH_TOKEN"):
        return environment["RAY_AUTH_TOKEN"]
    path = Path(file or environment.get("RAY_AUTH_TOKEN_PATH") or DEFAULT_TOKEN_FILE).expanduser()
    try:
        return path.read_text(encoding="ascii").strip() or None
    except OSError:
        return None
