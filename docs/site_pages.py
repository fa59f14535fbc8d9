"""What the site adds to docs/: the README as its home page, other pages of the root, links between all of them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
FROM_ROOT = {"README.md": "index.md", "AGENTS.md": "programs.md", "CHANGELOG.md": "changelog.md"}
IN_FOLDERS = ("README.md", "table1.md")  # what a link to a folder means
LINK = re.compile(r'\[(?P<words>[^\]\[]*)\]\((?P<link>[^)\s:]+)\)|src="(?P<source>[^":]+)"')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for name, uri in FROM_ROOT.items():
        files.append(File.generated(config, uri, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the checkout into links of the site.

    What the site does not hold (code, specs, folders of data) is left as its words; a link to what is not there at all
    stays, so that a strict build refuses it.
    """
    uri = page.file.src_uri
    at_root = {uri: name for name, uri in FROM_ROOT.items()}
    folder = posixpath.dirname(at_root.get(uri, f"docs/{uri}"))

    def rewritten(found: re.Match[str]) -> str:
        target, hash_sign, anchor = (found["link"] or found["source"]).partition("#")
        place = posixpath.normpath(posixpath.join(folder, target))
        if not target or not (ROOT / place).exists():
            return found[0]
        there = _on_site(place, files)
        if there is None:
            return found["words"] if found["source"] is None else found[0]
        link = posixpath.relpath(there, posixpath.dirname(uri)) + hash_sign + anchor
        return f'src="{link}"' if found["source"] else f"[{found['words']}]({link})"

    return LINK.sub(rewritten, markdown)


def _on_site(place: str, files: Files) -> str | None:
    """Where the site has a file or folder of the checkout, if it does."""
    if place in FROM_ROOT:
        return FROM_ROOT[place]
    uri = posixpath.relpath(place, "docs")
    for candidate in (uri, *(posixpath.join(uri, name) for name in IN_FOLDERS)):
        found = files.get_file_from_path(candidate)
        if found is not None and found.inclusion.is_included():
            return candidate
    return None
