"""By hand: ``python -m slurm_lab install | up [NAME] | down [NAME] | run NAME COMMAND...`` in ``tests/slurm``."""

from __future__ import annotations

import os
import sys

from slurm_lab import LabUnavailable, SlurmLab, packages


def main(arguments: list[str]) -> int:
    """Do what the first argument says; the exit code."""
    action, name, command = arguments[0] if arguments else "", (arguments[1:] or ["hand"])[0], arguments[2:]
    try:
        if action == "install":
            packages.install()
        elif action == "up":
            lab = SlurmLab(name).start()
            print(f"{len(lab.nodes)} nodes up; shared folder {lab.shared}; `python -m slurm_lab run {name} sinfo`")
        elif action == "down":
            SlurmLab(name).stop()
        elif action == "run" and command:
            lab = SlurmLab(name)
            words = lab.command(*command)
            os.execvpe(words[0], words, {**os.environ, **lab.environment})
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except LabUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
