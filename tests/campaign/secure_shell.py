"""An ssh server of the tests' own on this machine, and folders that are mounted through it: a real network file system.

Debian: openssh-server, openssh-client, sshfs; mounting needs root. Nothing of the machine's own ssh is read or changed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

SSHD = "/usr/sbin/sshd"
STARTS_WITHIN_S = 20.0
SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""
CLIENT = """\
Host *
  HostName 127.0.0.1
  Port {port}
  IdentityFile {folder}/user
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
"""


def why_not() -> str | None:
    """Why there can be no server with mounted folders here, None if there can."""
    if os.geteuid() != 0:
        return "an ssh server and mounts need root"
    missing = [name for name in (SSHD, "ssh", "ssh-keygen", "sshfs", "fusermount3") if shutil.which(name) is None]
    if missing:
        return f"missing {', '.join(missing)} (Debian: openssh-server, openssh-client, sshfs)"
    return None if Path("/dev/fuse").exists() else "this machine has no /dev/fuse"


class SecureShell:
    """A server that lets this user in; ``config`` is for ``ssh -F`` and leads every host's name to it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "client.conf"
        self._mounts: list[Path] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        server = folder / "server.conf"
        server.write_text(SERVER.format(port=self._port, folder=folder))
        self.config.write_text(CLIENT.format(port=self._port, folder=folder))
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # the server insists on it
        self._log = folder / "log"
        self._server = subprocess.Popen([SSHD, "-D", "-f", server, "-E", self._log])
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline and self._server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"no ssh server: {self._log.read_text()}")

    def mount(self, folder: Path, at: Path) -> None:
        """Make ``folder`` appear at ``at`` as on another machine, with the caches that sshfs has by default."""
        at.mkdir()
        subprocess.run(["sshfs", "-F", self.config, f"here:{folder}", at], check=True, timeout=STARTS_WITHIN_S)
        self._mounts.append(at)

    def close(self) -> None:
        for at in self._mounts:
            subprocess.run(["fusermount3", "-u", "-z", at], check=True)
        self._server.terminate()
        self._server.wait()
