"""Network interfaces by address."""

from __future__ import annotations

import sys

import pytest

from cluster.train.process_groups import interface_of


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="interfaces are looked up on Linux")
def test_an_interface_is_found_by_its_address() -> None:
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("203.0.113.9") is None  # nobody's address (RFC 5737)
