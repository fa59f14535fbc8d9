"""A machine as a test wants it: commands that print what they are told, disks of any room."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def put_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a command before all others of its name: ``put_command(name, shell script)``."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def put(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        path.chmod(0o755)

    return put


@pytest.fixture
def disk_with_free(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes every disk have so many bytes free."""
    return lambda free: monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=int(free)))
