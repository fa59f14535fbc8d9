"""Addresses by which other machines reach this one."""

from __future__ import annotations

import re

from cluster.node.addresses import address_towards, public_address


def test_addresses_of_this_machine() -> None:
    assert address_towards("127.0.0.1:9") == "127.0.0.1"
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", public_address())
