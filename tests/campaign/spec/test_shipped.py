"""Specs that come with the package: by name from anywhere, and starters that can be run as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.plan.advice import advice_on
from campaign.spec.load import load_spec
from campaign.spec.shipped import SAMPLES, STARTERS, found_spec, shipped_names, write_starter
from campaign.stages.microstructures import image_violations


@pytest.mark.parametrize("name", ["quickstart", "table1"])
def test_shipped_specs_are_found_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert name in shipped_names()
    assert load_spec(found_spec(Path(name))).spec.campaign == name


def test_a_file_of_one_s_own_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").write_text("")
    assert found_spec(Path("quickstart")) == Path("quickstart")
    assert found_spec(Path("elsewhere.yaml")) == Path("elsewhere.yaml")


@pytest.mark.parametrize("kind", STARTERS)
def test_starters_are_whole_and_nothing_is_held_against_them(kind: str, tmp_path: Path) -> None:
    written = write_starter(kind, tmp_path / "new" / "campaign.yaml")
    spec = load_spec(written[0], image_violations).spec
    assert list(advice_on(spec)) == []
    assert (kind == "images") == ((tmp_path / "new" / "images").is_dir())
    if kind == "images":
        assert len(list((tmp_path / "new" / "images").iterdir())) == SAMPLES
    if kind == "spectrum":
        assert len(spec.physics.wavelengths_nm()) > 1


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(FileExistsError, match="images exists already; name another file"):
        write_starter("images", tmp_path / "campaign.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
