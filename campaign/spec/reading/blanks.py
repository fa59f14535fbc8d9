"""Characters that look like a blank and are none for YAML: editors and web pages put them in."""

from __future__ import annotations

import re
import unicodedata

ODD_BLANK = re.compile("[\u0085\u00a0\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]")


def odd_blank_rule(blank: str) -> str:
    """What is wrong with one of them, by its name."""
    return f"must not hold a {unicodedata.name(blank, 'control character').lower()} (U+{ord(blank):04X})"


ODD_BLANK_FIX = "write plain spaces"
