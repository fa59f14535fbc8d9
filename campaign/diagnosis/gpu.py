"""GPUs: what the machine has, what this process may see of it, and whether torch could use it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path

from campaign.diagnosis.check import Check
from campaign.diagnosis.command import answer

NAME = "gpu"
CPU_FIX = "install torch for CUDA, or keep runs on CPUs: export CUDA_VISIBLE_DEVICES="


def check_gpu() -> Check:
    """GPUs that runs on this machine would use: none are needed, but those that Ray finds must work."""
    if shutil.which("nvidia-smi") is None:
        return Check(NAME, "ok", "none seen: everything runs on CPUs")
    listed, error = answer("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    if error:
        return Check(NAME, "warning", f"nvidia-smi is there but fails: {error}", "mend the driver, or run on CPUs")
    cards = listed.splitlines()
    visible = visible_gpus(len(cards))
    shown = f"{'; '.join(cards)}; {visible} of {len(cards)} visible to runs"
    if visible == 0:
        return Check(NAME, "ok", f"{shown}, which stay on CPUs: CUDA_VISIBLE_DEVICES is '{_setting()}'")
    cuda = torch_cuda()
    if cuda is None:
        message = f"{shown}, but torch was built for CPUs only, and training would fail on the GPUs that Ray finds"
        return Check(NAME, "failure", message, CPU_FIX)
    if visible < len(cards):
        return Check(NAME, "ok", f"{shown} (CUDA_VISIBLE_DEVICES={_setting()}); torch for CUDA {cuda}")
    return Check(NAME, "ok", f"{shown}; torch for CUDA {cuda}")


def visible_gpus(present: int) -> int:
    """How many of ``present`` GPUs CUDA shows to this process; an unknown number ends the list, as in CUDA."""
    setting = _setting()
    if setting is None:
        return present
    count = 0
    for name in (part.strip() for part in setting.split(",")):
        if not name or (name.lstrip("-").isdigit() and not 0 <= int(name) < present):
            break
        count += 1
    return min(count, present)


def torch_cuda() -> str | None:
    """Version of CUDA that the installed torch was built for; None for CPUs only. Does not import torch."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    text = (Path(found.origin).parent / "version.py").read_text(encoding="utf-8")
    cuda = re.search(r"^cuda(?:: [^=]+)? = '([^']+)'", text, re.MULTILINE)
    return cuda[1] if cuda else None


def _setting() -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES")
