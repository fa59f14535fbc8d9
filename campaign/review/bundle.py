"""A finished run as one archive that can be checked offline: spec, code, tables, figures, stores, versions, receipts.

The archive is a zip file that compresses nothing, as what is large in it is compressed already: its bytes follow from
the run alone. ``SHA256SUMS`` lists every file, as ``sha256sum --check`` reads it once the archive is unpacked.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from campaign.cache.stage_cache import RECORD_FILE
from campaign.plan.plan import PLAN_FILE, REPORT_FILE
from campaign.record.run_folder import PROFILE_FILE, PROVENANCE_FILE, SOURCE_FILE, SPEC_FILE
from campaign.review.finished_run import NotFinishedError
from campaign.review.finished_table import FinishedTable, TracedLine
from campaign.review.receipt import agrees, stage_behind
from results.files import atomic_path

Progress = Callable[[int, int, str], None]
CHECKSUMS = "SHA256SUMS"
RECEIPTS = "receipts.json"
FILES = (SPEC_FILE, SOURCE_FILE, PROFILE_FILE, PLAN_FILE, PROVENANCE_FILE, REPORT_FILE)  # of a run's folder
FOLDERS = ("code", "tables", "figures")
NOT_PACKED = {"__pycache__"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can tell


@dataclass(frozen=True)
class Bundle:
    """An archive: how many files it holds, their bytes, the checksum of its list, and what is wrong with it ("")."""

    file: Path
    files: int
    size: int
    checksum: str
    wrong: str = ""


def write_bundle(traced: FinishedTable, output: Path, progress: Progress = lambda done, total, what: None) -> Bundle:
    """Pack a run into ``output``, whole or not at all.

    Raises
    ------
    NotFinishedError
        It lacks its report, or its frozen code.
    ValueError
        Its table does not follow from its stores.
    FileExistsError
        Something lies at ``output``.
    """
    if output.exists():
        raise FileExistsError(f"{output} exists already; name another file with --output, or remove it first")
    receipts = json.dumps(_receipts(traced), indent=1, sort_keys=True).encode() + b"\n"
    content: dict[str, Path | bytes] = {**_files(traced), RECEIPTS: receipts}
    files = dict(sorted(content.items()))
    top, sums, size = PurePosixPath(traced.folder.resolve().name), [], 0
    with atomic_path(output) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for done, (name, packed) in enumerate(files.items(), start=1):
            sums.append(f"{_add(archive, str(top / name), packed)}  {name}\n")
            size += _size(packed)
            progress(done, len(files), "files packed")
        listed = "".join(sums).encode()
        _add(archive, str(top / CHECKSUMS), listed)
    return Bundle(output, len(files), size, hashlib.sha256(listed).hexdigest())


def verify_bundle(file: Path, progress: Progress = lambda done, total, what: None) -> Bundle:
    """Compare every file of an archive with the list of checksums in it; nothing is unpacked.

    ``wrong`` tells the first file that is not as it was packed. Raises FileNotFoundError where there is no archive.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _verified(file, archive, progress)
    except (zipfile.BadZipFile, EOFError, UnicodeDecodeError, NotImplementedError) as error:
        return Bundle(file, 0, 0, "", f"no whole archive ({error}); get it again")


def _verified(file: Path, archive: zipfile.ZipFile, progress: Progress) -> Bundle:
    names = [info.filename for info in archive.infolist()]
    top = names[0].partition("/")[0] if names else ""
    if f"{top}/{CHECKSUMS}" not in names:
        return Bundle(file, len(names), 0, "", f"holds no {CHECKSUMS}: no bundle of a run, or not a whole one")
    try:
        listed = archive.read(f"{top}/{CHECKSUMS}")
        expected = {f"{top}/{name}": digest for digest, _, name in (each.partition("  ") for each in _lines(listed))}
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        return Bundle(file, len(names), 0, "", f"{CHECKSUMS}: {error}")
    size, checksum = 0, hashlib.sha256(listed).hexdigest()
    present = sorted(set(names) - {f"{top}/{CHECKSUMS}"})
    for done, name in enumerate(sorted({*expected, *present}), start=1):
        wrong = _wrong(archive, name, expected.get(name), names.count(name))
        if wrong:
            return Bundle(file, len(expected), size, checksum, f"{name.removeprefix(f'{top}/')}: {wrong}")
        size += archive.getinfo(name).file_size
        progress(done, len(expected), "files compared")
    return Bundle(file, len(expected), size, checksum)


def _lines(listed: bytes) -> list[str]:
    return listed.decode().splitlines()


def _wrong(archive: zipfile.ZipFile, name: str, expected: str | None, count: int) -> str:
    if expected is None:
        return f"is in the archive and not in its {CHECKSUMS}"
    if count != 1:
        return "is not in the archive" if count == 0 else f"is in the archive {count} times"
    try:
        with archive.open(name) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        return f"cannot be read ({error})"
    return "" if digest == expected else f"is not what was packed: SHA-256 {digest[:16]}… in place of {expected[:16]}…"


def _files(traced: FinishedTable) -> dict[str, Path]:
    """What is packed, by its name in the archive."""
    run, results = traced.folder, traced.results
    missing = [name for name in (*FILES, *FOLDERS) if not (run / name).exists()]
    if missing:
        raise NotFinishedError(f"{run}: has no {', '.join(missing)}; `campaign resume {run}` goes on")
    found = {name: run / name for name in FILES}
    for name in FOLDERS:
        found |= {f"{name}/{inside}": path for inside, path in _below(run / name)}
    for stage in results.pipeline.stages:
        folder, place = results.folder(stage.name), f"stages/{stage.name}"
        found[f"{place}/{RECORD_FILE}"] = folder / RECORD_FILE
        if stage.descriptor.store is not None:
            store = stage.descriptor.store
            found |= {f"{place}/{store}/{inside}": path for inside, path in _below(folder / store)}
    return found


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.is_file() and NOT_PACKED.isdisjoint(inside.parts):
            yield inside.as_posix(), path


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> str:
    """Write one file; its checksum."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.external_attr, info.create_system, info.file_size = 0o644 << 16, 3, _size(content)  # of Unix, wherever made
    with _opened(content) as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
        source.seek(0)
        with archive.open(info, "w") as target:
            shutil.copyfileobj(source, target, 2**20)
    return digest


def _opened(content: Path | bytes) -> IO[bytes]:
    return io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _receipts(traced: FinishedTable) -> dict[str, Any]:
    """Of every line of the table: its figures, the rows behind them with what came of them; keys of all stages."""
    stages = [stage_behind(traced, stage.name) for stage in traced.results.pipeline.stages]
    told = [{name: value for name, value in asdict(each).items() if name != "folder"} for each in stages]
    return {"lines": [_line(traced, line) for line in traced.lines], "stages": told}


def _line(traced: FinishedTable, line: TracedLine) -> dict[str, Any]:
    stored = {name: getattr(line.stored, name) for name in line.figures}
    wrong = [name for name, again in line.figures.items() if not agrees(stored[name], again)]
    if wrong:
        raise ValueError(
            f"{traced.folder}: {line.name}/{wrong[0]} of its table does not follow from its stores; "
            f"`campaign verify-table {traced.folder}` tells all, `campaign report {traced.folder}` writes it again"
        )
    parts = [part for target in line.targets for repeat in line.method.rows[target] for part in repeat]
    rows = [
        {
            "stage": part.stage,
            "store": f"stages/{part.stage}/{traced.results.pipeline[part.stage].descriptor.store}",
            "rows": _ranges(part.rows),
        }
        for part in parts
    ]
    return {"line": line.name, "figures": stored, "seeds": line.method.seeds, "rows": rows}


def _ranges(rows: Iterable[int]) -> list[list[int]]:
    """Row numbers in their order, each run of them as its first and its last."""
    found: list[list[int]] = []
    for row in rows:
        if found and row == found[-1][1] + 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return found
