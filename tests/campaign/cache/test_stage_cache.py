"""The cache of stage results: there whole or not at all, and one damaged record is no obstacle to the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.cache.stage_cache import RECORD_FILE, DamagedRecordError, RecordIndex, StageCache, StageRecord


def record(key: str) -> StageRecord:
    return StageRecord("labels/data-i", key, {"count": 3}, {"latents": "a"}, {}, 1, {"module": "b"}, 3.0, 2.5, {"n": 1})


def finish(cache: StageCache, key: str) -> None:
    with cache.lease("labels", key, while_waiting=lambda busy: None) as lease:
        assert not cache.has("labels", key)
        assert cache.partial("labels", key) == lease.folder
        cache.finish(lease, "labels", record(key))


def test_a_stage_is_there_when_it_is_finished(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    finish(cache, "key")
    assert cache.has("labels", "key")
    assert cache.record("labels", "key") == record("key")
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["key"]
    assert not cache.has("labels", "other")
    assert not cache.has("verification", "key")


def test_a_failure_is_known_until_the_stage_is_tried_again(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    with cache.lease("labels", "key", while_waiting=lambda busy: None) as lease:
        cache.note_failure(lease, "no luck")
    assert cache.failure("labels", "key") == "no luck"
    with cache.lease("labels", "key", while_waiting=lambda busy: None) as lease:
        cache.forget_failure(lease)
    assert cache.failure("labels", "key") is None


def test_a_finished_stage_can_be_opened_again(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    finish(cache, "key")
    assert cache.reopen("labels", "key") == cache.partial("labels", "key")
    assert not cache.has("labels", "key")
    finish(cache, "key")
    assert cache.has("labels", "key")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"null", b"\xff"])
def test_a_damaged_record_is_named_and_no_obstacle_to_others(tmp_path: Path, content: bytes) -> None:
    cache = StageCache(tmp_path)
    finish(cache, "broken")
    finish(cache, "whole")
    (tmp_path / "labels" / "broken" / RECORD_FILE).write_bytes(content)
    with pytest.raises(DamagedRecordError, match=f"{RECORD_FILE} is damaged .*; copy it again, or remove {tmp_path}"):
        cache.record("labels", "broken")
    assert RecordIndex(cache).records("labels") == [record("whole")]
