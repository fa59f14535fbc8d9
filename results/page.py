"""Pages of this project: one HTML file each that needs nothing else, no network and no other file."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from results.table.lines import format_figure, format_seconds


def render_page(template: str, **facts: Any) -> str:
    """A template of ``results/templates`` as HTML text; all have the same style and script."""
    loader = PackageLoader("results")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    script, _, _ = loader.get_source(environment, "report.js")
    environment.filters |= {"duration": format_seconds, "figure": format_figure}
    # The page runs this script and no other, whatever a spec or an error message holds.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(script=script, script_hash=f"sha256-{digest}", **facts)
