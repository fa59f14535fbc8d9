"""Materials of one's own: files of n and k, what is refused of them, and that their content is in the key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaign.plan.optics import optics_of
from campaign.spec.index_file import IndexFileError, read_index_file
from campaign.spec.load import SpecError, load_physics
from campaign.spec.physics import Physics
from photonics.materials import TABLES

PHYSICS = """\
wavelength_nm: 550
pixel_nm: 20
materials: {air: {n: 1}, own: {table: own.csv}}
incident: air
layers: [{kind: pattern, name: etch, thickness_nm: 80, white: own, black: air}]
substrate: own
numerics: {orders: 2}
"""
TWO_POINTS = ((500.0, 2.0, 0.2), (600.0, 2.4, 0.1))


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("500, 2.0, 0.2\n600, 2.4, 0.1\n", TWO_POINTS),
        ("# source: me (2024)\nwavelength_nm;n;k\n600;2.4;0.1\n500;2;0.2\n", TWO_POINTS),
        ("nm n k\n500 2.0 0.2\n600\t2.4\t0.1\n", TWO_POINTS),
        ('"wl","n"\n0.5,2.0\n0.6,2.4\n\n"wl","k"\n0.5,0.2\n0.6,0.1\n', TWO_POINTS),
        ("wl,n,k\r\n0.5,2.0,0.2\r\n0.6,2.4,0.1\r\n", TWO_POINTS),
        ("wl,n\n0.5,2.0\n0.6,2.4\n", ((500.0, 2.0, 0.0), (600.0, 2.4, 0.0))),
        # Blocks of other wavelengths: both at all of them, as far as both reach.
        ("wl,n\n0.4,1.6\n0.6,2.4\n\nwl,k\n0.5,0.2\n0.7,0\n", ((500.0, 2.0, 0.2), (600.0, 2.4, 0.1))),
    ],
)
def test_layouts_are_read(tmp_path: Path, text: str, points: tuple[tuple[float, ...], ...]) -> None:
    file = tmp_path / "own.csv"
    file.write_bytes(text.encode())
    source, read = read_index_file(file)
    assert read == points
    assert source == ("me (2024)" if "source" in text else None)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must have a column n"),
        ("nm,k\n500,1\n600,1\n", "must have a column n"),
        ("nm,eps\n500,1\n", "must have columns nm (or wl in micrometres), n and k, not 'eps'"),
        ("500,2\n", "must have 3 fields in line 1 (nm, n, k), has 2"),
        ("500,2,x\n", "must have numbers in line 1, has '500,2,x'"),
        ("500,2,-0.1\n600,2,0\n", "must have numbers of 0 and more in line 1"),
        ("500,2,nan\n600,2,0\n", "must have numbers of 0 and more in line 1"),
        ("500,2,0\n500,2,0\n", "must have each wavelength once, has 500 nm twice"),
        ("500,2,0\n", "must have two wavelengths or more at which n and k are known"),
        ("0.5,2,0\n0.6,2,0\n", "must be in nanometres, ends at 0.6"),
        ("wl,n\n0.4,1\n0.5,1\n\nwl,k\n0.6,0\n0.7,0\n", "must have two wavelengths or more at which n and k are known"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, rule: str) -> None:
    file = tmp_path / "own.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(IndexFileError) as refusal:
        read_index_file(file)
    assert refusal.value.rule == rule


@pytest.fixture
def physics_file(tmp_path: Path) -> Path:
    (tmp_path / "own.csv").write_text("500,2.0,0.2\n600,2.4,0.1\n", encoding="utf-8")
    file = tmp_path / "physics.yaml"
    file.write_text(PHYSICS, encoding="utf-8")
    return file


def test_content_is_in_the_key_and_names_are_not(physics_file: Path) -> None:
    before = optics_of(*load_physics(physics_file, 32), 32)
    assert (before.materials["own"].n, before.materials["own"].k) == ((2.2,), pytest.approx((0.15,)))
    (physics_file.parent / "own.csv").rename(physics_file.parent / "other.txt")
    physics_file.write_text(PHYSICS.replace("own.csv", "./other.txt"), encoding="utf-8")
    assert optics_of(*load_physics(physics_file, 32), 32) == before
    (physics_file.parent / "other.txt").write_text("500,2.0,0.2\n600,2.6,0.1\n", encoding="utf-8")
    assert optics_of(*load_physics(physics_file, 32), 32) != before


def test_a_run_keeps_what_the_file_held(physics_file: Path) -> None:
    physics, _ = load_physics(physics_file, 32)
    kept = json.dumps(physics.model_dump(mode="json"))
    (physics_file.parent / "own.csv").unlink()
    assert Physics.model_validate(json.loads(kept)) == physics


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("gone.csv", "must be a file that exists, got 'gone.csv'; there is no {folder}/gone.csv, correct the path"),
        ("TiO3", f"must name a tabulated material, got 'TiO3'; known: {', '.join(TABLES)}, or a file.csv"),
        ("tio2", "must name a tabulated material, got 'tio2'; did you mean 'TiO2'?"),
        ("physics.yaml", "must have columns nm (or wl in micrometres), n and k, not 'numerics:', got"),
    ],
)
def test_mistakes_are_told_at_the_table(physics_file: Path, table: str, message: str) -> None:
    physics_file.write_text(PHYSICS.replace("own.csv", table), encoding="utf-8")
    with pytest.raises(SpecError) as refusal:
        load_physics(physics_file, 32)
    place = f"{physics_file}:3:39: materials.own.table: "
    assert place + message.format(folder=physics_file.parent) in str(refusal.value)


def test_nothing_is_extrapolated(physics_file: Path) -> None:
    physics_file.write_text(PHYSICS.replace("550", "650"), encoding="utf-8")
    with pytest.raises(SpecError, match="must lie between 500 and 600, where 'own' is tabulated, got 650"):
        load_physics(physics_file, 32)
