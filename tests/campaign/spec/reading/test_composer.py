"""Values of YAML 1.2, and texts that would never end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from campaign.spec.reading import composer
from campaign.spec.reading.yaml_reader import TreeReader


def read(folder: Path, text: str) -> tuple[Any, list[str]]:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    reader = TreeReader()
    root = reader.read(path)
    return root and root.plain(), [str(problem).removeprefix(f"{path}:") for problem in reader.problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        # numbers of the core schema
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        (".98e3", 980.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("6.02e23", 6.02e23),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        # what other versions take for numbers
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("12:00:00", "12:00:00"),
        ("-0x1F", "-0x1F"),
        (".", "."),
        ("1e", "1e"),
        ("e3", "e3"),
        ("nan", "nan"),
        ("\u0661\u0662", "\u0661\u0662"),  # digits of another script
        # words
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nUll", "nUll"),
        ("2020-01-01", "2020-01-01"),
        # what is quoted, and what its tag says
        ("'7'", "7"),
        ('"true"', "true"),
        ("!!str 7", "7"),
        ("!!float 7", 7.0),
        ("!!int '7'", 7),
    ],
)
@pytest.mark.parametrize("head", ["", "%YAML 1.2\n---\n"])
def test_words_are_what_yaml_1_2_says(tmp_path: Path, head: str, written: str, value: object) -> None:
    found, problems = read(tmp_path, f"{head}key: {written}\n")

    assert problems == []
    assert (found["key"], type(found["key"]).__mro__[-2]) == (value, type(value).__mro__[-2])


def test_not_a_number_is_one(tmp_path: Path) -> None:
    assert math.isnan(read(tmp_path, "key: .nan\n")[0]["key"])


@pytest.mark.parametrize("version", ["1.1", "1.3"])
def test_other_versions_are_refused_even_in_an_included_file(tmp_path: Path, version: str) -> None:
    (tmp_path / "base.yaml").write_text(f"# a remark\n%YAML {version}\n---\na: 1\n", encoding="utf-8")
    _, problems = read(tmp_path, "include: base.yaml\n")

    rule = f"must be YAML 1.2, got YAML {version}; remove the line '%YAML {version}'"
    assert problems == [f"{tmp_path}/base.yaml:2:1: (file): {rule}"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: Palik\u00a01985", {"a": "Palik\u00a01985"}),
        ('a: "\u00a07"', {"a": "\u00a07"}),
        ("# a\u00a0b\na: 7", {"a": 7}),
    ],
)
def test_odd_blanks_may_stand_in_prose_quotes_and_comments(tmp_path: Path, text: str, value: object) -> None:
    assert read(tmp_path, text) == (value, [])


def test_aliases_may_be_used_and_not_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composer, "MOST_VALUES", 10_000)
    assert read(tmp_path, "a: &a [1, 2]\nb: *a\n") == ({"a": [1, 2], "b": [1, 2]}, [])
    doubling = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    _, problems = read(tmp_path, f"a0: &a0 [1, 2]\n{doubling}")
    assert problems[0].endswith("must not make more than 10000 values, got an alias; write the value out")
    chain = "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 400))
    _, problems = read(tmp_path, f"a0: &a0 [1, 2]\n{chain}")
    assert problems[0].endswith("must not nest deeper than 60 levels, got an alias; write the value out")


@pytest.mark.parametrize("text", ["[" * 3000, "{a: " * 3000, "- " * 3000, "? " * 3000])
def test_nesting_without_end_is_one_problem(tmp_path: Path, text: str) -> None:
    _, problems = read(tmp_path, text)

    assert len(problems) == 1
    assert problems[0].endswith("(file): must not nest deeper than 60 levels; remove brackets")
