"""Who may use a Ray: holders of its token, a file that its user alone can read.

Whoever reaches a Ray without a token runs code as its user, so on a shared node every one has its own.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN_FILE = "token"
MODE_VARIABLE, PATH_VARIABLE, VALUE_VARIABLE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"


def make_token(folder: Path) -> Path:
    """Write a new token to a file of mode 0600 in ``folder``, in place of one that is there; returns its path."""
    path = folder / TOKEN_FILE
    partial = path.with_name(f"{TOKEN_FILE}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(secrets.token_hex(32))
    return partial.rename(path)


def token_environment(token: Path) -> dict[str, str]:
    """Variables that make a Ray process ask for, and show, the token in this file."""
    # The third is set to nothing, since it would win over the path.
    return {MODE_VARIABLE: "token", PATH_VARIABLE: str(token), VALUE_VARIABLE: ""}


@contextmanager
def token_in_use(token: Path | None) -> Iterator[None]:
    """Let this process use a Ray that has this token, for a ``with`` block; None leaves all to the environment."""
    if token is None:
        yield
        return
    changed = token_environment(token)
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    _read_again()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        _read_again()


def _read_again() -> None:
    """Make Ray's libraries in this process forget the mode and the token that they read before."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # Ray has no public way

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
