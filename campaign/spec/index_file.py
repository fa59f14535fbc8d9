"""Refractive indices of one's own: a text file of wavelengths, n and k, or what refractiveindex.info exports as CSV."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import numpy as np

SHORTEST_NM = 100.0  # a table that ends below is in micrometres
COLUMNS = {
    "wavelength": 1.0, "wavelength_nm": 1.0, "nm": 1.0, "wl": 1e3, "wavelength_um": 1e3, "um": 1e3, "n": 1.0, "k": 1.0
}  # fmt: skip
Points = tuple[tuple[float, float, float], ...]
FORMAT = "write a line a wavelength: nm, n, k; or take the CSV of refractiveindex.info as it is"


class IndexFileError(ValueError):
    """What is wrong in a file of indices, by the rule that it breaks and what to do."""

    def __init__(self, rule: str, fix: str = FORMAT) -> None:
        self.rule, self.fix = rule, fix
        super().__init__(f"{rule}; {fix}")


def read_index_file(path: Path) -> tuple[str | None, Points]:
    """Source and points (nm, n, k) of a file, wavelengths ascending.

    Fields stand between commas, semicolons or blanks. A header names the columns: ``nm`` or ``wavelength_nm``, or
    ``wl`` for micrometres, then ``n`` and ``k``; without one they are nm, n, k. As refractiveindex.info exports them, a
    second header may begin a block of k alone, whose wavelengths may be others: what lies outside of either is left
    out. Without k it is 0. ``# source: ...`` tells the source.

    Raises
    ------
    IndexFileError
        For the first line that is wrong.
    OSError
        The file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise IndexFileError("must name a text file in UTF-8") from None
    remarks = [line.lstrip("# ") for line in lines if line.startswith("#")]
    source = next((each.partition(":")[2].strip() for each in remarks if each.lower().startswith("source:")), None)
    return source, _joined(_blocks(lines))


def _blocks(lines: list[str]) -> list[dict[str, np.ndarray]]:
    """Columns of every block that a header begins, by name: ``nm`` and ``n`` or ``k``."""
    names, blocks = ["nm", "n", "k"], []
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    for is_header, block in groupby(numbered, lambda each: _is_header(each[1])):
        if is_header:
            names = [name.lower() for name in _fields(list(block)[-1][1])]
            if unknown := [name for name in names if name not in COLUMNS]:
                raise IndexFileError(f"must have columns nm (or wl in micrometres), n and k, not '{unknown[0]}'")
            continue
        values = np.array([_numbers(number, line, names) for number, line in block]).T
        blocks.append({_short(name): column * COLUMNS[name] for name, column in zip(names, values, strict=True)})
    return blocks


def _short(name: str) -> str:
    return name if name in ("n", "k") else "nm"


def _is_header(line: str) -> bool:
    return re.match(r"[\s\"']*[-+.\d]", line) is None


def _fields(line: str) -> list[str]:
    return [field.strip(" \"'") for field in re.split(r"[,;\t]|(?<=\S)\s+(?=\S)", line.strip()) if field.strip()]


def _numbers(number: int, line: str, names: list[str]) -> list[float]:
    fields = _fields(line)
    if len(fields) != len(names):
        raise IndexFileError(f"must have {len(names)} fields in line {number} ({', '.join(names)}), has {len(fields)}")
    try:
        values = [float(field) for field in fields]
    except ValueError:
        raise IndexFileError(f"must have numbers in line {number}, has '{line.strip()[:40]}'") from None
    if not np.isfinite(values).all() or min(values) < 0:
        fix = "k is positive where light is absorbed"
        raise IndexFileError(f"must have numbers of 0 and more in line {number}", fix)
    return values


def _joined(blocks: list[dict[str, np.ndarray]]) -> Points:
    """Blocks of n and of k as one table, at the wavelengths of both."""
    found = {name: (block["nm"], block[name]) for block in blocks for name in ("n", "k") if name in block}
    if "n" not in found:
        raise IndexFileError("must have a column n")
    found = {name: _ascending(*columns) for name, columns in found.items()}
    low = max(wavelengths[0] for wavelengths, _ in found.values())
    high = min(wavelengths[-1] for wavelengths, _ in found.values())
    grid = np.unique(np.concatenate([wavelengths for wavelengths, _ in found.values()]))
    grid = grid[(grid >= low) & (grid <= high)]
    if len(grid) < 2:
        raise IndexFileError("must have two wavelengths or more at which n and k are known")
    if grid[-1] < SHORTEST_NM:
        raise IndexFileError(
            f"must be in nanometres, ends at {grid[-1]:g}", "begin with a line wl,n,k if these are micrometres"
        )
    n = np.interp(grid, *found["n"])
    k = np.interp(grid, *found["k"]) if "k" in found else np.zeros_like(grid)
    return tuple(zip(*(np.round(column, 9).tolist() for column in (grid, n, k)), strict=True))


def _ascending(wavelengths: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(wavelengths, kind="stable")
    wavelengths = wavelengths[order]
    if len(twice := wavelengths[1:][np.diff(wavelengths) == 0]):
        raise IndexFileError(f"must have each wavelength once, has {twice[0]:g} nm twice", "remove one of them")
    return wavelengths, values[order]
