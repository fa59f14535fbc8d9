"""A comparison of runs as one page."""

from __future__ import annotations

from campaign.plan.why import shown
from campaign.review.compare import Comparison
from results.page import render_page
from results.table.comparison import FIGURES, ComparedLine


def render_comparison(comparison: Comparison) -> str:
    """HTML text in the report's style, of figures that any run has."""
    datasets: dict[str, dict[str, list[ComparedLine]]] = {}
    for line in comparison.lines:
        datasets.setdefault(line.dataset, {}).setdefault(line.method, []).append(line)
    has_any = {name for line in comparison.lines for name, values in line.figures.items() if any(values)}
    figures = {name: heading for name, heading in FIGURES.items() if name in has_any}
    return render_page("comparison.html", comparison=comparison, datasets=datasets, figures=figures, shown=shown)
