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


def test_what_is_imported_of_the_project_and_is_no_science_may_change_its_place(tmp_path: Path) -> None:
    source = "import numpy\nfrom campaign.work.context import StageContext\nimport science.near\n\nx = 1\n"
    before = fingerprint_with(tmp_path, module=source, science__near="")
    assert fingerprint_with(tmp_path, module=source.replace("work", "run")) == before
    assert fingerprint_with(tmp_path, module=source.replace("numpy", "scipy")) != before


def test_the_code_of_packages_counts(tmp_path: Path) -> None:
    before = fingerprint_with(tmp_path, module="import science.inner.near\n", science__near="")
    (tmp_path / "science" / "inner").mkdir()
    (tmp_path / "science" / "inner" / "near.py").touch()
    (tmp_path / "science" / "inner" / "__init__.py").touch()
    assert set(code_behind("module", science=("science",), root=tmp_path)) - set(before) == {
        "science.inner",
        "science.inner.near",
    }
    assert "science" in before


@pytest.mark.parametrize("base", ["StageKind", "StageKind[Config]", "kind.StageKind[Config]"])
def test_the_descriptor_of_a_kind_of_stage_does_not_count(tmp_path: Path, base: str) -> None:
    science = "def run():\n    return 1\n"
    descriptor = f"class Mine({base}):\n    def report(self):\n        from science.near import x\n"
    near = {"science__near": "x = 1\n"}
    before = fingerprint_with(tmp_path, module=science, **near)
    assert fingerprint_with(tmp_path, module=science + descriptor, **near) == before
    assert fingerprint_with(tmp_path, module=science + descriptor.replace("StageKind", "Other"), **near) != before


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
