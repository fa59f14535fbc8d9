"""Finished runs beside each other: settings, versions and code that differ, and their tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from campaign.plan.changes import changes
from campaign.plan.fingerprint import PACKAGES, SCIENCE, CodeReader
from campaign.record.run_folder import PROVENANCE_FILE, SPEC_FILE, Submission
from campaign.review.finished_run import read_table
from campaign.spec.reading.tree import key_text
from results.table.comparison import ComparedLine, compare_tables

MOST_RUNS = len(ascii_uppercase)
CODE_FOLDER = "code"  # in a run's folder
SEEN_ANYWAY = {"seed", "cpus", "host", "platform", "slurm", "git_changed_files"}  # in the spec, or no matter of results


@dataclass(frozen=True)
class Setting:
    """Something that is not the same in all runs: its place, and its value in each; None where a run has none."""

    place: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Comparison:
    """What is not the same in several runs.

    Attributes
    ----------
    runs
        Their folders; the first is what the others are compared with.
    settings
        Of their specs, by place; methods are told apart by name.
    versions
        Of Python, packages and this project.
    code
        Modules of science whose code differs; None where a run has no copy of its code.
    same_stages
        Names of the stages whose results are the same in all runs, by their keys.
    lines
        Of their tables.
    """

    runs: tuple[Path, ...]
    settings: tuple[Setting, ...]
    versions: tuple[Setting, ...]
    code: tuple[str, ...] | None
    same_stages: tuple[str, ...]
    lines: tuple[ComparedLine, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the folders are called."""
        return tuple(run.resolve().name for run in self.runs)

    @property
    def letters(self) -> tuple[str, ...]:
        """What stands for the runs: A, B, C."""
        return tuple(ascii_uppercase[: len(self.runs)])

    @property
    def partial(self) -> tuple[str, ...]:
        """A sentence for every method and target that some runs lack."""
        methods: dict[str, list[ComparedLine]] = {}
        for line in self.lines:
            methods.setdefault(line.name, []).append(line)
        return tuple(self._only(*each) for name, lines in methods.items() for each in _partial(name, lines))

    def _only(self, name: str, present: Sequence[bool]) -> str:
        has = [letter for letter, is_there in zip(self.letters, present, strict=True) if is_there]
        return f"Only {' and '.join(has)} {'has' if len(has) == 1 else 'have'} {name}."

    @property
    def summary(self) -> str:
        """How many figures differ, in a sentence."""
        pairs = [(line, run) for line in self.lines for run in range(1, len(self.runs))]
        known = [beyond for line, run in pairs if (beyond := line.beyond[run]) is not None]
        same = sum(line.change(run) == 0 for line, run in pairs)
        return (
            f"{sum(known)} of {len(known)} mean REPs lie beyond the first run's: their 95 % intervals do not overlap. "
            f"{same} figures are exactly the same; searches have no interval."
        )


def compare_runs(folders: Sequence[Path]) -> Comparison:
    """Put finished runs beside each other.

    Raises
    ------
    FileNotFoundError
        No run lies in one of the folders.
    campaign.review.finished_run.NotFinishedError
        One has no table yet.
    ValueError
        There are fewer than two or too many, or a table is of another version.
    """
    runs = tuple(dict.fromkeys(Path(folder) for folder in folders))
    if not 2 <= len(runs) <= MOST_RUNS:
        raise ValueError(f"a comparison takes from 2 to {MOST_RUNS} runs, got {len(runs)}; name other folders")
    tables = [read_table(run) for run in runs]
    keys = [Submission.read(run).keys for run in runs]
    same = tuple(name for name, key in keys[0].items() if all(own.get(name) == key for own in keys))
    settings = tuple(Setting(key_text(path), values) for path, values in changes([_settings(run) for run in runs]))
    versions = tuple(Setting(key_text(path), values) for path, values in changes([_versions(run) for run in runs]))
    return Comparison(runs, settings, versions, _code(runs), same, compare_tables(tables))


def _settings(run: Path) -> dict[str, Any]:
    """The spec with its defaults as plain data, methods by name."""
    spec = json.loads((run / SPEC_FILE).read_text(encoding="utf-8"))
    return spec | {"methods": {each.get("name") or each["kind"]: each for each in spec["methods"]}}


def _versions(run: Path) -> dict[str, Any]:
    facts = json.loads((run / PROVENANCE_FILE).read_text(encoding="utf-8"))
    return {name: value for name, value in facts.items() if name not in SEEN_ANYWAY}


def _code(runs: Sequence[Path]) -> tuple[str, ...] | None:
    folders = [run / CODE_FOLDER for run in runs]
    if not all(folder.is_dir() for folder in folders):
        return None
    found = changes([_digests(folder) for folder in folders])
    return tuple(sorted(str(path[0]) for path, _ in found))


def _digests(code: Path) -> dict[str, str]:
    """Of every module that may count in a key, and of all modules of other packages."""
    others = [path.stem for path in code.iterdir() if path.stem not in PACKAGES and not path.name.startswith(".")]
    science = (*SCIENCE, *others)
    modules = [_module(path.relative_to(code)) for path in sorted(code.rglob("*.py"))]
    own = [name for name in modules if any(name == each or name.startswith(f"{each}.") for each in science)]
    return CodeReader(code).behind(*own, science=science)


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _partial(name: str, lines: Sequence[ComparedLine]) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """The method itself, with who has it, where a run lacks it whole; else its targets that one lacks."""
    has = tuple(map(any, zip(*(line.present for line in lines), strict=True)))
    if not all(has):
        yield name, has
        return
    partial = [each for each in lines if each.target is not None and not all(each.present)]
    yield from ((f"{name}/{each.target}", each.present) for each in partial)
