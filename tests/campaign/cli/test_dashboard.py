"""The way to the dashboard, from the host itself and from a login node."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from secure_shell import SecureShell

from campaign.cli import dashboard
from campaign.cli.dashboard import NoDashboardError, find_dashboard, read_token, tunnel_command
from campaign.record.events import EventLog

ME = getpass.getuser()


@pytest.fixture(autouse=True)
def login_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard.socket, "gethostname", lambda: "login1")
    monkeypatch.setattr(dashboard.socket, "getfqdn", lambda name="": "login1.cluster.org")


def test_typed_on_the_host_itself() -> None:
    assert tunnel_command("http://127.0.0.1:8265", "login1", 9000) == (
        f"ssh -N -L 9000:127.0.0.1:8265 {ME}@login1.cluster.org"
    )


def test_typed_on_a_login_node_it_leads_through_that() -> None:
    assert tunnel_command("http://127.0.0.1:8265", "node7", 8265) == (
        f"ssh -N -L 8265:127.0.0.1:8265 -J {ME}@login1.cluster.org {ME}@node7"
    )


def test_a_standing_cluster_has_its_dashboard_on_another_host_than_the_driver() -> None:
    assert tunnel_command("http://10.0.0.7:8265", "login1", 8265) == (
        f"ssh -N -L 8265:10.0.0.7:8265 {ME}@login1.cluster.org"
    )


def test_a_host_without_a_name_server_is_called_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard.socket, "getfqdn", lambda name="": "localhost.localdomain")
    assert tunnel_command("http://127.0.0.1:1", "login1", 2).endswith(f" {ME}@login1")


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the dashboard")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("host", ["login1", "node7"])
def test_the_tunnel_leads_there_through_a_real_ssh_server(secure_shell: SecureShell, host: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server, socket.socket() as probe:
        Thread(target=server.serve_forever, daemon=True).start()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        program, *arguments = shlex.split(tunnel_command(f"http://127.0.0.1:{server.server_port}", host, port))
        tunnel = subprocess.Popen([program, "-F", secure_shell.config, *arguments])
        try:
            assert page_at(f"http://127.0.0.1:{port}") == "the dashboard"
        finally:
            tunnel.terminate()
            tunnel.wait()
            server.shutdown()


def page_at(url: str, seconds: float = 30.0) -> str:
    """What is there, as soon as something is."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            assert time.monotonic() < deadline, f"nothing at {url}"
            time.sleep(0.1)


def test_the_token_of_the_run_comes_before_that_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("of-the-run\n")
    (tmp_path / "user").write_text("of-the-user\n")
    user = {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "user")}
    assert read_token(str(tmp_path / "run"), user) == "of-the-run"
    assert read_token(None, user) == "of-the-user"
    assert read_token(None, {**user, "RAY_AUTH_TOKEN": "as-text"}) == "as-text"
    assert read_token(str(tmp_path / "missing"), user) is None


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (None, "the cluster is not up yet"),
        ({"dashboard": None, "cpus": 2}, "the profile says dashboard: false"),
    ],
)
def test_a_run_without_a_dashboard_says_why(
    tmp_path: Path, drive: Callable[..., Path], facts: dict | None, reason: str
) -> None:
    drive(tmp_path)
    log = EventLog(tmp_path)
    log.write("run-started", stages=[], host="login1", process=os.getpid())
    if facts is not None:
        log.write("cluster-started", **facts)
    with pytest.raises(NoDashboardError, match=reason):
        find_dashboard(tmp_path, 8265)
