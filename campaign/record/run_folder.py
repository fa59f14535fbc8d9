"""A run's folder: where it lies among others, what it keeps of its submission, and its links to stages' results."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from campaign.cache.contents import register
from campaign.plan.plan import PLAN_FILE, Plan
from campaign.record.driver import has_driver
from campaign.record.events import EVENT_FILE
from campaign.record.provenance import provenance
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import read_spec
from campaign.spec.load import LoadedSpec
from campaign.spec.profile import Profile
from results.files import write_atomically, write_json

DEFAULT_RUNS = Path("runs")
SPEC_FILE, SOURCE_FILE, PROFILE_FILE = "spec.json", "spec.source.yaml", "profile.json"
PROVENANCE_FILE = "provenance.json"


def find_runs(runs: Path = DEFAULT_RUNS) -> list[Path]:
    """Folders of all runs, the latest first."""
    folders = [path.parent for path in runs.glob(f"*/{EVENT_FILE}")]
    return sorted(folders, key=lambda folder: (folder / EVENT_FILE).stat().st_mtime, reverse=True)


class DamagedRunError(ValueError):
    """A run's folder holds what this program cannot read; the text says which file, and what to do."""


def latest_spec(runs: Path = DEFAULT_RUNS) -> Path:
    """File of the spec that was submitted last.

    Raises
    ------
    FileNotFoundError
        No run is there that was submitted.
    """
    for folder in find_runs(runs):
        plan = folder / PLAN_FILE
        if plan.is_file():
            return Path(_read_json(plan, "spec")["spec"])
    raise FileNotFoundError(f"no run below {runs} says what its spec was; name it: campaign why SPEC --stage STAGE")


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's, be it one that is only just being prepared."""
    return any((folder / name).is_file() for name in (EVENT_FILE, SPEC_FILE)) or has_driver(folder)


def keep_submission(folder: Path, loaded: LoadedSpec, profile: Profile, cache: Path, plan: Plan) -> None:
    """Write down what was submitted: the spec as it stood and as it was read, the profile, the plan, the provenance.

    From then on the cache keeps what the plan names.
    """
    write_atomically(folder / SOURCE_FILE, loaded.text)
    write_json(folder / SPEC_FILE, loaded.spec.model_dump(mode="json"))
    write_json(folder / PROFILE_FILE, profile.model_dump(mode="json"))
    places = {"cache": str(cache.absolute()), "spec": str(loaded.path.absolute())}
    write_json(folder / PLAN_FILE, {**plan.to_dict(), **places})
    write_json(folder / PROVENANCE_FILE, provenance(loaded.spec.seed))
    register(cache, folder)


def link_stage(folder: Path, stage: str, target: Path) -> None:
    """Show a stage's folder in the run, also while it works: ``<run>/stages/<name>`` points into the cache."""
    link = folder / "stages" / stage
    link.parent.mkdir(parents=True, exist_ok=True)
    relative = os.path.relpath(target.resolve(), link.parent.resolve())
    if link.is_symlink():
        link.unlink()
    link.symlink_to(relative)


@dataclass(frozen=True)
class Submission:
    """A run as it was submitted: its spec, and its plan as JSON."""

    folder: Path
    spec: Spec
    plan: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Submission:
        """What the run in ``folder`` keeps.

        Raises
        ------
        FileNotFoundError
            No run lies there.
        DamagedRunError
            Something there is damaged, or of another version of this program.
        """
        frozen = folder / SPEC_FILE
        if not frozen.is_file():
            raise FileNotFoundError(f"{folder}: not a run's folder (no {SPEC_FILE})")
        plan, data = _read_json(folder / PLAN_FILE, "stages", "cache", "spec"), _read_json(frozen, "campaign")
        try:
            return cls(folder, read_spec(data), plan)
        except ValidationError as error:
            raise _of_another_version(frozen, error) from error

    @property
    def keys(self) -> dict[str, str]:
        """Key of every stage, by name."""
        return {stage["name"]: stage["key"] for stage in self.plan["stages"]}

    @property
    def cache(self) -> Path:
        """Folder of finished stages."""
        return Path(self.plan["cache"])

    @property
    def profile(self) -> Profile:
        """Where it ran last."""
        path = self.folder / PROFILE_FILE
        try:
            return TypeAdapter(Profile).validate_python(_read_json(path, "kind"))
        except ValidationError as error:
            raise _of_another_version(path, error) from error

    def loaded(self) -> LoadedSpec:
        """The spec with its text and the file that it was read from."""
        text = (self.folder / SOURCE_FILE).read_text(encoding="utf-8")
        return LoadedSpec(self.spec, Path(self.plan["spec"]), text, ())


def _read_json(path: Path, *needed: str) -> dict[str, Any]:
    """A file of a run's folder with the entries that are needed of it; DamagedRunError if it is not that."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in needed if name not in data]
        reason = f"lacks {', '.join(missing)}" if missing else ""
    except FileNotFoundError:
        reason = "is missing"
    except (ValueError, TypeError) as error:
        reason = f"is damaged ({error})"
    if reason:
        raise DamagedRunError(f"{path} {reason}; copy it again, or `campaign submit` the spec, which writes it anew")
    return data  # type: ignore[no-any-return]


def _of_another_version(path: Path, error: ValidationError) -> DamagedRunError:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "it"
    return DamagedRunError(
        f"{path}: {where}: {first['msg'].lower()}; another version of this program wrote it: use that one, or "
        "`campaign submit` the spec for a run of this one"
    )
