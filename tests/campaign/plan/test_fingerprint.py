"""Fingerprints of code: what counts, at any depth, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.plan.fingerprint import PROJECT, SourceMissingError, code_behind, package_folder


def fingerprint_with(root: Path, **sources: str) -> dict[str, str]:
    for name, source in sources.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        (root / "science").mkdir(exist_ok=True)
        (root / "science" / "__init__.py").touch()
        path.write_text(source)
    return code_behind("module", science=("science",), root=root)


def test_comments_formatting_and_docstrings_do_not_count(tmp_path: Path) -> None:
    plain = fingerprint_with(tmp_path, module="def f(x):\n    return x + 1\n")
    other = '"""About."""\n\ndef f( x ):\n    """Adds."""\n    # why\n    return (x + 1)\n'
    assert plain == fingerprint_with(tmp_path, module=other)
    assert plain != fingerprint_with(tmp_path, module="def f(x):\n    return x + 2\n")


@pytest.mark.parametrize(
    "statement",
    [
        "import science.near",
        "from science.near import x",
        "from science import near",
        "def f():\n    import science.near",
    ],
)
def test_the_science_that_is_imported_counts_at_any_depth(tmp_path: Path, statement: str) -> None:
    sources = {"science__near": "from science.far import y as x\n", "science__far": "y = 1\n"}
    before = fingerprint_with(tmp_path, module=statement, **sources)
    assert fingerprint_with(tmp_path, science__far="y = 2\n") != before


def test_other_imports_do_not_count(tmp_path: Path) -> None:
    before = fingerprint_with(tmp_path, module="import cluster.pool.pool\n", cluster__pool="x = 1\n")
    assert fingerprint_with(tmp_path, cluster__pool="x = 2\n") == before


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    sources = {"science__a": "import science.b\n", "science__b": "import science.a\n"}
    assert fingerprint_with(tmp_path, module="import science.a\n", **sources)


def test_relative_imports_are_followed(tmp_path: Path) -> None:
    sources = {"science__near": "from .far import y\nfrom . import other\n", "science__far": "y = 1\n"}
    found = fingerprint_with(tmp_path, module="import science.near", science__other="", **sources)
    assert {"science.near", "science.far", "science.other"} <= set(found)


def test_a_package_of_a_longer_name_is_not_science(tmp_path: Path) -> None:
    found = fingerprint_with(tmp_path, module="import science_of_others.x", science_of_others__x="")
    assert set(found) == {"module"}


def test_an_edit_counts_in_the_same_process(tmp_path: Path) -> None:
    before = fingerprint_with(tmp_path, module="x = 1\n")
    assert fingerprint_with(tmp_path, module="x = 12\n") != before


def test_a_copy_of_the_project_has_its_fingerprints(tmp_path: Path) -> None:
    for name in ("campaign", "ganmdn", "photonics"):
        (tmp_path / name).symlink_to(PROJECT / name)
    assert code_behind("campaign.stages.labels", root=tmp_path) == code_behind("campaign.stages.labels")


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(SourceMissingError, match="nowhere_at_all: no such package is installed"):
        package_folder("nowhere_at_all")
