"""Who may use a Ray: holders of its token, a file that its user alone can read.

Whoever reaches a Ray without a token runs code as its user, so on a shared node every one has its own.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cluster.node.files import write_whole

TOKEN_FILE = "token"
MODE_VARIABLE, PATH_VARIABLE, VALUE_VARIABLE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"


def make_token(folder: Path) -> Path:
    """Write a new token to a file of mode 0600 in ``folder``, in place of one that is there; returns its path."""
    path = folder / TOKEN_FILE
    write_whole(path, secrets.token_hex(32), mode=0o600)
    return path


def token_environment(token: Path) -> dict[str, str]:
    """Variables that make a Ray process ask for, and show, the token in this file."""
    # The third is set to nothing, since it would win over the path.
    return {MODE_VARIABLE: "token", PATH_VARIABLE: str(token), VALUE_VARIABLE: ""}
