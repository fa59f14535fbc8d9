"""Colours, and files that are exact and whole."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from results.figures.style import METHOD_COLOURS, method_colours, method_markers, save_figure, side_label, styled


@styled
def draw() -> Figure:
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot(np.arange(5), np.arange(5) ** 2)
    axes.set_title("absorption")
    return figure


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        paths = save_figure(draw(), folder, "figure", (".png", ".pdf"))
        assert [path.name for path in paths] == ["figure.png", "figure.pdf"]
        assert len(list(folder.iterdir())) == 2
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
    png, pdf = contents[0]
    assert png.startswith(b"\x89PNG")
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf


def test_the_users_settings_neither_change_nor_are_changed() -> None:
    with matplotlib.rc_context({"font.size": 30.0, "axes.grid": False}):
        title = draw().axes[0].title
        assert title.get_fontsize() == 9.5
        assert matplotlib.rcParams["font.size"] == 30.0


def test_methods_keep_their_colours_and_no_two_share_one() -> None:
    methods = ["zeta", "gan-mdn", "alpha", "pca-mdn"]
    colours, markers = method_colours(methods), method_markers(methods)
    assert list(colours) == methods
    assert colours["gan-mdn"] == METHOD_COLOURS["gan-mdn"]
    assert len(set(colours.values())) == len(set(markers.values())) == 4
    assert method_colours(["alpha", "zeta"]) == {"alpha": colours["alpha"], "zeta": colours["zeta"]}


def luminance(colour: str) -> float:
    parts = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("colour", METHOD_COLOURS.values())
def test_marks_stand_out_from_white(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) > 2.0


def test_a_unit_has_a_line_of_its_own_where_one_is_too_short() -> None:
    label = "simulated absorption (fraction of the light)"
    assert side_label(label, 60) == label
    assert side_label(label, 34) == "simulated absorption\n(fraction of the light)"
    assert side_label("simulated absorption of the first layer", 20) == "simulated absorption\nof the first layer"
