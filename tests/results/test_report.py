"""The report: complete, safe against what is in a spec, and one file that asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from ganmdn.targets import Target
from results.figures.style import save_figure
from results.figures.training import gan_losses
from results.report import SCREEN_DPI, DataTable, Report, ReportFigure, Section, StageLine, render_report, write_report
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow
from results.table.truncation import TruncationError

REACH = Reach(
    "data-ii",
    400,
    (0.56,),
    (0.7,),
    (0.03,),
    (TargetReach(Target.of(0.55), 0.0, 0.4, 9.0), TargetReach(Target.of(0.6), 0.05, 0.2, 7.0)),
)
ERROR = TruncationError(8, 12, 32, 0, 0.001, 0.009, 0.01, 0.02, 0.03)
ROWS = (
    TableRow("data-ii", "gan-mdn", Target.of(0.55), 0.5, 6.0, 3.0, 0.035, 30, failed=2, reach=REACH),
    TableRow("data-ii", "gan-mdn", Target.of(0.60), 0.4, 4.0, 2.0, 0.035, 30, reach=REACH),
    TableRow("data-ii", "nearest-labels", Target.of(0.60), 0.0, 0.2, 0.1, 0.035, 30, reach=REACH),
    TableRow("mine", "bayesian-optimization", Target.of(0.60), 0.9, None, None, 911.0, 1),
)
CORES = Section("cores")
SPEC = "campaign: quickstart\nnote: </pre><script>alert('a & b')</script>\n"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    losses = gan_losses(np.arange(10), {"style": np.linspace(1, 0, 10)})
    [losses_png] = save_figure(losses, tmp_path_factory.mktemp("figures"), "gan-losses")
    return Report(
        name="quickstart",
        key="9f31c0a2",
        finished=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        spec=SPEC,
        table=ROWS,
        reach=(REACH,),
        truncation={"data-ii": ERROR},
        sections=(
            Section("tune", tables=(DataTable(("trial", "learning rate"), (("1", "0.001"),), "ASHA, one trial"),)),
            Section("training", (ReportFigure.from_file(losses_png, "Style loss per update."),)),
            Section("angle-dependence", tables=(DataTable(("angle",), (("10",),)),)),
        ),
        failures=DataTable(("row", "class"), (("31", "SolverError"),)),
        stages=(StageLine("gan", "computed", 12.3, "600 updates"), StageLine("labels", "cached", 0.0)),
        provenance={"git sha": "3f2c1d", "seed": "2020"},
        packages={"torch": "2.13.0"},
    )


def test_every_section_is_there(report: Report) -> None:
    html = render_report(report)
    for text in (
        "<h1>quickstart</h1>",
        "9f31c0a2",
        "finished 2026-03-01 12:30 UTC",
        "data-ii is poor: gan-mdn comes closest, mean REP 5.00 % over 2 targets (the nearest labels have 0.30 %, a "
        "random label 8.00 %; the paper reports 13.59 %).",
        "The 400 labels of data-ii reach from 0.560 to 0.700",
        "Target 0.55 lies outside the labels of data-ii",
        "60 (2 failed)",
        "15 min",
        "2 of 91 designs failed to simulate",
        "Style loss per update.",
        "ASHA, one trial",
        "SolverError",
        "600 updates",
        "12.3 s",
        "3f2c1d",
        "torch 2.13.0",
    ):
        assert text in html, text


def test_what_could_be_reached_stands_before_the_table_and_the_verdict_before_both(report: Report) -> None:
    html = render_report(report)
    places = [html.index(text) for text in ('class="headline"', 'class="warning"', 'id="reach"', 'id="table"')]
    assert places == sorted(places)
    assert "its labels have not converged" in html[places[0] : places[1]]
    assert "30 ± 3 % of their standard deviation" in html[places[1] : places[2]]
    assert "outside the labels" in html[places[2] : places[3]]


def test_there_is_no_box_where_nothing_is_to_be_warned_of(report: Report) -> None:
    reach = replace(REACH, lowest=(0.5,))
    assert 'class="warning"' not in render_report(replace(report, reach=(reach,), truncation={}))


def test_baselines_stand_out_and_the_papers_columns_beside_its_own_data_alone(report: Report) -> None:
    html = render_report(report)
    assert '<tbody class="method baseline">' in html
    papers, mine = html.split("<h3>mine</h3>")
    assert '<th class="paper">paper</th>' in papers
    assert 'class="paper"' not in mine


def test_labels_alone_make_a_report(report: Report) -> None:
    html = render_report(replace(report, table=()))
    assert "No method was asked for." in html
    assert "The 400 labels of data-ii reach from" in html
    assert 'id="reach"' in html
    assert 'id="table"' not in html


def test_every_link_has_its_section(report: Report) -> None:
    html = render_report(report)
    links = set(re.findall(r'href="#([^"]+)"', html))
    assert links == set(re.findall(r'<section id="([^"]+)"', html))
    assert {
        "reach",
        "table",
        "training",
        "angle-dependence",
        "tune",
        "failures",
        "stages",
        "provenance",
        "spec",
    } == links


def test_a_section_that_is_not_known_stands_before_the_cores_under_its_own_name(report: Report) -> None:
    anchors = re.findall(r'<section id="([^"]+)"', render_report(replace(report, sections=(*report.sections, CORES))))
    assert anchors[2:6] == ["training", "angle-dependence", "cores", "tune"]
    assert "<h2>Angle dependence</h2>" in render_report(report)


def test_empty_sections_are_left_out(report: Report) -> None:
    bare = Report(name="empty", key="0", finished=report.finished, spec="campaign: empty")
    html = render_report(bare)
    assert set(re.findall(r'<section id="([^"]+)"', html)) == {"failures", "provenance", "spec"}
    assert "No simulation failed." in html


def test_what_stands_in_a_spec_cannot_run(report: Report) -> None:
    html = render_report(report)
    [script] = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'" in html
    assert "&lt;script&gt;alert(&#39;a &amp; b&#39;)" in html


def test_nothing_is_fetched(report: Report) -> None:
    html = render_report(report)
    sources = re.findall(r'(?:src|href)="([^"]*)"', html) + re.findall(r"url\(([^)]*)\)", html)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "@import" not in html


def test_pictures_are_embedded_as_they_are(report: Report, tmp_path: Path) -> None:
    (figure,) = report.sections[1].figures
    html = render_report(report)
    embedded = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    [width] = re.findall(r'<img [^>]*width="(\d+)"', html)
    assert int(width) == round(imread(io.BytesIO(base64.b64decode(embedded[0]))).shape[1] * SCREEN_DPI / 160)
    assert [base64.b64decode(text) for text in embedded] == [figure.png]
    path = tmp_path / "figure.png"
    path.write_bytes(figure.png)
    assert ReportFigure.from_file(path, "a picture") == replace(figure, caption="a picture")
    path.write_text("<svg/>")
    with pytest.raises(ValueError, match=r"a report embeds PNG images, got .*figure\.png; save the figure as PNG"):
        ReportFigure.from_file(path, "no picture")


def test_rows_must_fit_their_columns() -> None:
    with pytest.raises(ValueError, match=r"every row needs 2 cells, one per column, got \[3\]"):
        DataTable(("a", "b"), (("1", "2"), ("1", "2", "3")))


Chromium = Callable[[Path], str]


@pytest.fixture
def chromium(tmp_path: Path) -> Chromium:
    """Opens a page without a screen; what it has become once its scripts have run."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    quiet = ["no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"]
    files = "allow-file-access-from-files"  # or no page may look into another one
    flags = [f"--{flag}" for flag in ("headless", "no-sandbox", "disable-gpu", "disable-quic", files, *quiet)]

    def show(page: Path) -> str:
        command = [browser, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    return show


# Looks at the report through a window as wide as a phone, and uses it.
PHONE_PX = 390
PHONE = """<iframe src="report.html" width="390" height="800" style="border: 0"></iframe><script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument, table = page.querySelector("#table table"), facts = {};
  facts.overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  facts.wider = [...page.querySelectorAll("body *")].filter((each) => !each.closest(".scroll"))
    .filter((each) => each.getBoundingClientRect().right > 390).map((each) => each.tagName);
  const methods = () => [...table.tBodies].map((body) => body.rows[0].cells[0].firstChild.textContent.trim());
  const headings = [...table.tHead.rows[0].cells];
  const press = (name) => headings.find((each) => each.textContent.trim() == name).querySelector("button").click();
  facts.orders = [methods()];
  for (const name of ["time", "time", "time", "mean REP", "mean over targets"]) {
    press(name);
    facts.orders.push(methods());
  }
  facts.lines = [...table.tBodies].map((body) => body.rows.length);
  const picture = page.querySelector(".zoom img");
  facts.shown = picture.getBoundingClientRect().width;
  picture.click();
  facts.opened = page.querySelector("dialog").open;
  facts.enlarged = page.querySelector("dialog img").getBoundingClientRect().width;
  page.querySelector("dialog").click();
  facts.closed = !page.querySelector("dialog").open;
  document.body.textContent = JSON.stringify(facts);
};
</script>"""


@pytest.mark.browser
@pytest.mark.long
def test_a_phone_shows_all_of_it_sorts_and_enlarges(report: Report, chromium: Chromium, tmp_path: Path) -> None:
    searched = TableRow("data-ii", "bayesian-optimization", Target.of(0.60), 0.9, None, None, 911.0, 1)
    wide = replace(report, name="a-campaign-with-a-name-that-no-phone-has-room-for-in-a-line", table=(*ROWS, searched))
    write_report(wide, tmp_path / "report.html")
    page = tmp_path / "phone.html"
    page.write_text(PHONE)
    facts = json.loads(re.sub("<[^>]+>", "", chromium(page)))
    assert (facts["overflow"], facts["wider"]) == (0, [])
    gan, nearest, search = "gan-mdn", "nearest-labels", "bayesian-optimization"
    as_given = [gan, nearest, search]
    assert facts["orders"] == [
        as_given,
        [gan, nearest, search],
        [search, gan, nearest],  # 15 min are more than 35 ms
        as_given,
        [nearest, gan, search],  # one without a figure comes last
        [search, gan, nearest],
    ]
    assert facts["lines"] == [2, 3, 2]  # a method's lines came along
    assert facts["shown"] <= PHONE_PX < facts["enlarged"]
    assert facts["opened"] is facts["closed"] is True


@pytest.mark.slow  # with every change, a phone shows and uses it
@pytest.mark.browser
def test_chromium_shows_it(report: Report, chromium: Chromium, tmp_path: Path) -> None:
    shown = chromium(write_report(report, tmp_path / "report.html"))
    assert "mean REP 5.00 % over 2 targets" in shown
    assert shown.count('<tbody class="method') == 3
    assert "alert('a &amp; b')" in shown
    assert shown.count("<script") == 1
