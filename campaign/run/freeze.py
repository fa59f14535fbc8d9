"""What a run works from: copies of its source and of its input files, so that edits while it runs change nothing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import campaign
from campaign.cache.stage_cache import StageCache
from campaign.plan.fingerprint import PACKAGES, CodeReader, package_folder
from campaign.plan.keys import file_digest
from campaign.plan.kind import Stage
from campaign.plan.pipeline import Pipeline
from cluster.driver.source import Source, imports_from

CODE_FOLDER = "code"  # in a run's folder
NOT_SOURCE = ("__pycache__", "*.pyc", "*.pyo")


class SourceChangedError(RuntimeError):
    """Source or an input was edited between the moment it was read and the moment it was copied."""


@dataclass(frozen=True)
class FrozenRun:
    """A pipeline whose files are copies, and the copy of the source that is to compute it."""

    pipeline: Pipeline
    code: Path
    packages: tuple[str, ...]

    @property
    def source(self) -> Source:
        """The copy, for nodes that have neither it nor the project."""
        return Source(self.code.absolute(), self.packages)

    def imports(self) -> AbstractContextManager[None]:
        """Import the project from the copy, in this process and in its workers."""
        return imports_from(self.code, self.packages)


def freeze(pipeline: Pipeline, cache: StageCache, folder: Path) -> FrozenRun:
    """Copy source into ``folder`` and input files into the cache.

    Raises
    ------
    SourceChangedError
        What was copied is not what the keys were made from; nothing has run.
    """
    packages = (*PACKAGES, *pipeline.packages)
    code = _copy_source(folder / CODE_FOLDER, packages)
    reader = CodeReader(code)
    for stage in pipeline.stages:
        if pipeline.code_of(stage, reader) != pipeline.parts[stage.name].code:
            raise SourceChangedError(
                f"the code of stage {stage.name} was edited while the run was starting; submit again"
            )
    if stale := list(_stale_modules(code, packages)):
        names = ", ".join(stale)
        raise SourceChangedError(f"edited since this Python loaded it: {names}; start Python again and submit")
    stages = tuple(_with_copies(stage, pipeline, cache) for stage in pipeline.stages)
    return FrozenRun(Pipeline(pipeline.spec, stages, frozen_parts=pipeline.parts), code, packages)


def _copy_source(code: Path, packages: Iterable[str]) -> Path:
    """Copy packages side by side; a copy that is right already stays, with what Python has compiled of it."""
    fresh = code.with_name(f".{code.name}-{os.getpid()}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        for name in packages:
            source = package_folder(name)
            if source.is_dir():
                shutil.copytree(source, fresh / name, ignore=shutil.ignore_patterns(*NOT_SOURCE))
            else:
                shutil.copy2(source, fresh / source.name)
        if _files(fresh) != _files(code):
            shutil.rmtree(code, ignore_errors=True)
            fresh.rename(code)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return code


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every source file below ``folder``."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name != "__pycache__":
            status = path.stat()
            found[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
    return found


def _stale_modules(code: Path, packages: Sequence[str]) -> Iterable[str]:
    """Modules that this process has loaded and that are not what was copied."""
    for name, module in sorted(sys.modules.copy().items()):  # another thread may be importing
        file = getattr(module, "__file__", None)
        head, *rest = name.split(".")
        if head not in packages or file is None:
            continue
        loaded, base = Path(file), code.joinpath(head, *rest)
        copy = base / "__init__.py" if loaded.name == "__init__.py" else base.with_name(loaded.name)
        same = copy.is_file() and loaded.is_file() and copy.read_bytes() == loaded.read_bytes()
        # A module of an earlier copy was loaded as it stands there; one of the tree itself may have been edited since.
        in_place = loaded.is_relative_to(package_folder(head))
        if not same or (in_place and loaded.stat().st_mtime > campaign.LOADED_AT):
            yield name


def _with_copies(stage: Stage, pipeline: Pipeline, cache: StageCache) -> Stage:
    """``stage`` with its input files taken from the cache, where they lie by content."""
    if not stage.files or cache.has(stage.kind, pipeline.keys[stage.name]):
        return stage
    wanted = pipeline.parts[stage.name].files
    return replace(stage, files={role: _copied(path, wanted[role], cache) for role, path in stage.files.items()})


def _copied(path: Path, digest: str, cache: StageCache) -> Path:
    copy = cache.root / "inputs" / digest / path.name
    if copy.exists():
        return copy
    copy.parent.mkdir(parents=True, exist_ok=True)
    partial = copy.with_name(f".{copy.name}-{os.getpid()}.partial")
    try:
        if path.is_dir():
            shutil.copytree(path, partial)
        else:
            shutil.copyfile(path, partial)
        if file_digest(partial) != digest:
            raise SourceChangedError(f"{path} was edited while the run was starting; submit again")
        partial.rename(copy)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
    return copy
