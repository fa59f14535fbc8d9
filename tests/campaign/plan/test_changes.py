from __future__ import annotations

from campaign.plan.changes import changes


def test_only_what_differs_is_told_by_its_path() -> None:
    first = {"a": 1, "same": [1, {"x": 2}], "deep": {"list": [1, 2], "gone": True}}
    other = {"a": 2, "same": (1, {"x": 2}), "deep": {"list": [1, 3]}}
    third = {"a": 1, "same": [1, {"x": 2}], "deep": {"list": [1, 2], "gone": True}}
    assert dict(changes([first, other, third])) == {
        ("a",): (1, 2, 1),
        ("deep", "list", 1): (2, 3, 2),
        ("deep", "gone"): (True, None, True),
    }


def test_lists_of_another_length_and_what_is_no_mapping_everywhere_are_one_value() -> None:
    assert list(changes([{"a": [1]}, {"a": [1, 2]}])) == [(("a",), ([1], [1, 2]))]
    assert list(changes([{"a": {"b": 1}}, {"a": 3}])) == [(("a",), ({"b": 1}, 3))]
