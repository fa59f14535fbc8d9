from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaign import keys


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keys, "PROJECT", tmp_path)
    monkeypatch.setattr(keys, "SCIENCE", ("science",))
    keys._parsed.cache_clear()
    (tmp_path / "science").mkdir()
    (tmp_path / "science" / "__init__.py").touch()
    yield tmp_path
    keys._parsed.cache_clear()


def fingerprint_with(project: Path, **sources: str) -> str:
    for name, source in sources.items():
        path = project.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    keys._parsed.cache_clear()
    return keys.code_fingerprint("module")


def test_order_of_fields_does_not_matter() -> None:
    assert keys.digest({"a": 1, "b": [1, 2]}) == keys.digest({"b": [1, 2], "a": 1})
    assert keys.digest({"a": 1}) != keys.digest({"a": 2})


def test_not_a_number_has_no_address() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        keys.digest({"a": float("nan")})


def test_comments_formatting_and_docstrings_do_not_count(project: Path) -> None:
    plain = fingerprint_with(project, module="def f(x):\n    return x + 1\n")
    other = '"""About."""\n\ndef f( x ):\n    """Adds."""\n    # why\n    return (x + 1)\n'
    assert plain == fingerprint_with(project, module=other)
    assert plain != fingerprint_with(project, module="def f(x):\n    return x + 2\n")


@pytest.mark.parametrize(
    "statement",
    [
        "import science.near",
        "from science.near import x",
        "from science import near",
        "def f():\n    import science.near",
    ],
)
def test_the_science_that_is_imported_counts_at_any_depth(project: Path, statement: str) -> None:
    sources = {"science__near": "from science.far import y as x\n", "science__far": "y = 1\n"}
    before = fingerprint_with(project, module=statement, **sources)
    assert fingerprint_with(project, science__far="y = 2\n") != before


def test_other_imports_do_not_count(project: Path) -> None:
    before = fingerprint_with(project, module="import cluster.pool\n", cluster__pool="x = 1\n")
    assert fingerprint_with(project, cluster__pool="x = 2\n") == before


def test_modules_that_import_each_other_end(project: Path) -> None:
    sources = {"science__a": "import science.b\n", "science__b": "import science.a\n"}
    assert fingerprint_with(project, module="import science.a\n", **sources)


@pytest.mark.parametrize("changed", ["kind", "config", "input_keys", "file_keys", "schema", "code"])
def test_everything_that_a_result_depends_on_is_in_its_key(changed: str) -> None:
    parts = {"kind": "labels", "config": {}, "input_keys": {}, "file_keys": {}, "schema": 1, "code": "c"}
    other = {
        "kind": "designs",
        "config": {"a": 1},
        "input_keys": {"x": "k"},
        "file_keys": {"w": "k"},
        "schema": 2,
        "code": "d",
    }
    assert keys.stage_key(**parts) != keys.stage_key(**{**parts, changed: other[changed]})


def test_file_digest_follows_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert keys.file_digest(tmp_path / "a") == keys.file_digest(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"y")
    assert keys.file_digest(tmp_path / "a") != keys.file_digest(tmp_path / "b")


def test_seeds_follow_the_words_alone() -> None:
    draws = [np.random.default_rng(keys.seed_for(7, *words)).random() for words in (("a", "b"), ("a", "b"), ("b", "a"))]
    assert draws[0] == draws[1] != draws[2]
