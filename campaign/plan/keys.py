"""Content addresses: a stage's key says everything that its result depends on, and nothing else.

A key is the SHA-256 of the stage's configuration with defaults, the contents of the files it reads, the keys of its
inputs, its schema version and the fingerprint of the code that computes it. Workers, folders and times are never in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign.cache.stage_cache import StageRecord
from campaign.plan.fingerprint import PROJECT, code_behind

__all__ = ["PROJECT", "KeyParts", "canonical_json", "code_fingerprint", "digest", "file_digest"]

KEY_DIGITS = 16


def canonical_json(value: Any) -> str:
    """One spelling for equal values: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Hexadecimal content address of a JSON-like value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:KEY_DIGITS]


def file_digest(path: Path) -> str:
    """Hexadecimal content address of a file's bytes; of a folder, of the names and bytes of all files in it."""
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        return digest([[file.relative_to(path).as_posix(), file_digest(file)] for file in files])
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:KEY_DIGITS]


def code_fingerprint(*modules: str) -> str:
    """Content address of modules and of the science behind them; see ``fingerprint.code_behind``."""
    return digest(code_behind(*modules))


@dataclass(frozen=True)
class KeyParts:
    """All that a stage's result depends on, item by item, so that two of them can be compared.

    Attributes
    ----------
    kind
        Of the stage.
    config
        Its configuration with defaults.
    inputs
        Keys of the stages that it reads, by role.
    files
        Digests of the files that it reads, by role.
    schema
        Version of its kind of result.
    code
        Digests of the modules that compute it, by name, and versions of the packages that plug in.
    """

    kind: str
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    files: Mapping[str, str]
    schema: int
    code: Mapping[str, str]

    @property
    def key(self) -> str:
        """Content address of the stage's result."""
        return digest(
            {
                "kind": self.kind,
                "config": self.config,
                "inputs": self.inputs,
                "files": self.files,
                "schema": self.schema,
                "code": digest(self.code),
            }
        )

    def record(self, name: str, key: str, seconds: float, core_seconds: float, facts: Mapping[str, Any]) -> StageRecord:
        """What the cache keeps of the stage ``name`` when it is done.

        ``key`` is the stage's own, which is another than that of these parts where the code has changed since.
        """
        config, inputs, files, code = map(dict, (self.config, self.inputs, self.files, self.code))
        return StageRecord(name, key, config, inputs, files, self.schema, code, seconds, core_seconds, dict(facts))
