"""The reference in docs/ is what the models say, and they say something of every key."""

from __future__ import annotations

from campaign.plan.fingerprint import PROJECT
from campaign.spec.reference import reference, undescribed


def test_every_key_is_described() -> None:
    assert undescribed() == []


def test_the_reference_is_current() -> None:
    """Made anew by `campaign schema --markdown > docs/spec.md`."""
    assert (PROJECT / "docs" / "spec.md").read_text(encoding="utf-8") == reference() + "\n"


def test_every_link_leads_to_a_section() -> None:
    import re

    text = reference()
    sections = {f"#{name.lower()}" for name in re.findall(r"^## (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\((#\w+)\)", text)) <= sections
