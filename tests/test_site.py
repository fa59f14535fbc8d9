"""The documentation builds as a site without a broken link, and a reader's browser asks no other machine."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from campaign.plan.keys import PROJECT

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs the extra `docs` (mkdocs)"),
]


class References(HTMLParser):
    """What a page refers to: (tag, address)."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, value) for name, value in attrs if name in ("src", "href") and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_home_is_the_readme(site: Path) -> None:
    assert "say what you want in one YAML file" in " ".join((site / "index.html").read_text(encoding="utf-8").split())


def test_all_that_pages_refer_to_is_there(site: Path) -> None:
    """Raw HTML as well, which mkdocs does not look at."""
    missing = []
    for page in set(site.rglob("*.html")) - {site / "404.html"}:
        for _, address in References(page).found:
            parts = urlsplit(address)
            if not (parts.scheme or parts.netloc) and not (page.parent / unquote(parts.path)).exists():
                missing.append((page.name, address))
    assert missing == []


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    elsewhere = {
        (page.name, address)
        for page in site.rglob("*.html")
        for tag, address in References(page).found
        if tag != "a" and urlsplit(address).netloc
    }
    assert elsewhere == set()


def test_what_the_api_offers_is_described(site: Path) -> None:
    """Each of its names stands on the page, made from its docstring."""
    from campaign import api

    page = (site / "api.html").read_text(encoding="utf-8")
    offered = [getattr(api, name) for name in api.__all__ if name != "DEFAULT_RUNS"]
    names = [f"{each.__module__}.{each.__qualname__}" for each in offered]
    assert [name for name in names if f'id="{name}"' not in page] == []
