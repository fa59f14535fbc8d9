"""Stand-ins of Slurm's commands, for tests of what is asked of Slurm and of what becomes of its answers."""

from __future__ import annotations

import shlex
from pathlib import Path

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacctmgr")


class FakeSlurm:
    """Scripts in a folder that comes first on the ``PATH``; each notes its calls, says nothing and succeeds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COMMANDS:
            self.answer(name)

    def answer(self, name: str, *lines: str) -> None:
        """Let a command print lines from now on."""
        self.script(name, "".join(f"echo {shlex.quote(line)}\n" for line in lines))

    def script(self, name: str, text: str) -> None:
        """Let a command do what a script of bash says."""
        path = self.folder / name
        calls = shlex.quote(str(self.folder / "calls"))
        path.write_text(f'#!/bin/bash\necho "{name} $*" >> {calls}\n{text}')
        path.chmod(0o755)

    def refuse(self, name: str, complaint: str, times: int = 10**6) -> None:
        """Let a command fail so often, then send job 17."""
        calls = shlex.quote(str(self.folder / "calls"))
        self.script(
            name,
            f'if [ "$(grep -c "^{name} " {calls})" -le {times} ]; then echo "{complaint}" >&2; exit 1; fi\n'
            'echo "Submitted batch job 17"\n',
        )

    def jobs(self, *jobs: tuple[str, str, str]) -> None:
        """Let ``squeue`` list jobs: id, name, and state; ``PENDING Priority`` names a reason, ``RUNNING n1`` nodes."""
        self.answer("squeue", *map(_line, jobs))

    @property
    def calls(self) -> list[str]:
        """All calls so far, with their arguments."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.is_file() else []

    def called(self) -> list[str]:
        """Names of the commands that were called."""
        return [line.split()[0] for line in self.calls]


def _line(job: tuple[str, str, str]) -> str:
    number, name, about = job
    state, _, detail = about.partition(" ")
    reason, nodes = (detail or "None", "") if state == "PENDING" else ("None", detail)
    start = "2026-02-01T12:00:00" if state == "PENDING" else "2026-01-31T12:00:00"
    return f"{number}|{name}|{state}|{reason}|{nodes}|{start}|mark-{number}"
