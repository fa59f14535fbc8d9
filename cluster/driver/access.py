"""Which Ray this process may use: the one whose token it shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.node.token import token_environment


@contextmanager
def token_in_use(token: Path | None) -> Iterator[None]:
    """Let this process use a Ray that has this token, for a ``with`` block; None leaves all to the environment."""
    if token is None:
        yield
        return
    from cluster.driver.ray_private import read_token_again

    changed = token_environment(token)
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    read_token_again()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        read_token_again()
