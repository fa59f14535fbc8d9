from __future__ import annotations

from pathlib import Path

import pytest

from campaign.plan import keys
from campaign.plan.keys import KeyParts


def test_order_of_fields_does_not_matter() -> None:
    assert keys.digest({"a": 1, "b": [1, 2]}) == keys.digest({"b": [1, 2], "a": 1})
    assert keys.digest({"a": 1}) != keys.digest({"a": 2})


def test_not_a_number_has_no_address() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        keys.digest({"a": float("nan")})


@pytest.mark.parametrize("changed", ["kind", "config", "inputs", "files", "schema", "code"])
def test_everything_that_a_result_depends_on_is_in_its_key(changed: str) -> None:
    parts = {"kind": "labels", "config": {}, "inputs": {}, "files": {}, "schema": 1, "code": {"module": "c"}}
    other = {
        "kind": "designs",
        "config": {"a": 1},
        "inputs": {"x": "k"},
        "files": {"w": "k"},
        "schema": 2,
        "code": {"module": "d"},
    }
    assert KeyParts(**parts).key != KeyParts(**{**parts, changed: other[changed]}).key


def test_file_digest_follows_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert keys.file_digest(tmp_path / "a") == keys.file_digest(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"y")
    assert keys.file_digest(tmp_path / "a") != keys.file_digest(tmp_path / "b")
