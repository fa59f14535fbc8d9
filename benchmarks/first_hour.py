"""The first hour of a stranger: the wheel alone, an empty folder, and what the tutorials say, each command timed.

    python benchmarks/first_hour.py                  # wheel, starter, all tutorials
    python benchmarks/first_hour.py --download       # packages from the registry, not borrowed from this environment
    python benchmarks/first_hour.py --pages own-stack designs --no-starter --json

Builds the wheel, installs it into a new virtual environment and does there what docs/tutorials/ says, block by block.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TUTORIALS = PROJECT / "docs" / "tutorials"
PAGES = ("own-stack", "designs", "querying", "own-images", "own-simulator", "slurm")
BLOCK = re.compile(r'^```(?P<language>\w+)(?: title="(?P<file>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
SOURCE = ("campaign", "ganmdn", "photonics", "cluster", "results", "specs", "pyproject.toml", "README.md", "LICENSE")
STARTER = ("campaign init", "campaign plan campaign.yaml", "campaign submit campaign.yaml")
# For packages that a reader installs, where nothing is to be downloaded: what builds them is here already.
BORROWED = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}


@dataclass(frozen=True)
class Block:
    """A block of a page: a file where it has a name, otherwise commands (bash) or a program (python), or to be read."""

    language: str
    file: str | None
    text: str


@dataclass(frozen=True)
class Step:
    """A command of a page, how long it took, and its exit code."""

    page: str
    command: str
    seconds: float
    code: int


def main() -> None:
    """Print what each command took; exit code 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="*", default=PAGES, choices=PAGES, help="tutorials, in their order")
    parser.add_argument("--no-starter", action="store_true", help="leave out the campaign of `campaign init`")
    parser.add_argument("--download", action="store_true", help="install what the wheel needs from the registry")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        steps = list(rehearsal(Path(folder), options.pages, not options.no_starter, options.download))
    if options.json:
        print(json.dumps([asdict(step) for step in steps], indent=2))
    else:
        print("| page | command | seconds |\n|---|---|---|")
        for step in steps:
            failed = f", exit code {step.code}" if step.code else ""
            print(f"| {step.page} | `{step.command.replace('|', chr(92) + '|')}` | {step.seconds:.1f}{failed} |")
    sys.exit(any(step.code for step in steps))


def blocks(page: str) -> Iterator[Block]:
    """Blocks of a tutorial, in order."""
    for found in BLOCK.finditer((TUTORIALS / f"{page}.md").read_text(encoding="utf-8")):
        yield Block(**found.groupdict())


def rehearsal(folder: Path, pages: list[str], with_starter: bool, download: bool) -> Iterator[Step]:
    """Everything, in a folder that is empty."""
    source, work, environment = folder / "source", folder / "work", folder / "environment"
    work.mkdir()
    for name in SOURCE:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / name, source / name)
    create_environment(environment, download)
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    plain |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | ({} if download else BORROWED)
    variables = plain | {"PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    builder = plain | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    yield timed("install", "pip wheel --quiet --no-deps --wheel-dir ../work .", source, builder)
    yield timed("install", "pip install --quiet ganmdn_campaign-*.whl", work, variables)
    for command in STARTER if with_starter else ():
        yield timed("starter", command, work, variables)
    for page in pages:
        for block in blocks(page):
            if block.file is not None:
                (work / block.file).parent.mkdir(exist_ok=True)
                (work / block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "bash":
                for command in block.text.replace("\\\n", "").strip().splitlines():
                    yield timed(page, " ".join(command.split()), work, variables)
            elif block.language == "python":
                (work / "program.py").write_text(block.text, encoding="utf-8")
                yield timed(page, "python program.py", work, variables)


def create_environment(folder: Path, download: bool) -> None:
    """A virtual environment, empty, or with the packages of this one (pip too) to be found after its own."""
    command = [sys.executable, "-m", "venv", *([] if download else ["--without-pip"]), folder]
    subprocess.run(command, check=True)
    if not download:
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        pip = folder / "bin" / "pip"
        pip.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m pip "$@"\n')
        pip.chmod(0o755)


def timed(page: str, command: str, folder: Path, variables: dict[str, str]) -> Step:
    """Run a command of bash; what it printed goes to standard error where it failed."""
    print(f"{page}: {command}", file=sys.stderr, flush=True)
    began = time.perf_counter()
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
    return Step(page, command, round(time.perf_counter() - began, 1), done.returncode)


if __name__ == "__main__":
    main()
