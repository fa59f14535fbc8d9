"""GPUs: what the machine has, what this process may see of it, and whether torch could use it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path

from campaign.doctor.check import Check, output_of
from campaign.spec.profile import LocalProfile, Profile

NAME = "gpu"
CPU_FIX = "install torch for CUDA, or write use_gpu: false in the profile"


def check_gpu(profile: Profile) -> Check:
    """GPUs as this profile wants them: what runs on this machine must find those that it asks for."""
    cards, error = _cards()
    visible = visible_gpus(len(cards))
    if not (profile.use_gpu and isinstance(profile, LocalProfile)):
        return _shown(cards, visible, error)
    if not visible:
        hidden = f" of {len(cards)}; CUDA_VISIBLE_DEVICES is '{_setting()}'" if cards else f": {error or 'no GPU'}"
        message = f"the profile says use_gpu: true, and none is visible{hidden}"
        return Check(NAME, "failure", message, "show GPUs to this process, or write use_gpu: false in the profile")
    cuda = torch_cuda()
    if cuda is None:
        message = f"{_listed(cards, visible)}, but torch was built for CPUs only"
        return Check(NAME, "failure", message, CPU_FIX)
    return Check(NAME, "ok", f"{_listed(cards, visible)}; torch for CUDA {cuda}")


def _shown(cards: list[str], visible: int, error: str) -> Check:
    """GPUs that this profile does not want, or does not want here."""
    if error:
        return Check(NAME, "warning", f"nvidia-smi is there but fails: {error}", "mend the driver, or run on CPUs")
    if not cards:
        return Check(NAME, "ok", "none seen: everything here runs on CPUs")
    return Check(NAME, "ok", f"{_listed(cards, visible)}; the profile takes none of this machine")


def _listed(cards: list[str], visible: int) -> str:
    return f"{'; '.join(cards)}; {visible} of {len(cards)} visible to runs"


def _cards() -> tuple[list[str], str]:
    """GPUs of this machine, and why they are not known where there should be some."""
    if shutil.which("nvidia-smi") is None:
        return [], ""
    listed, error = output_of("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    return ([], error) if error else (listed.splitlines(), "")


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
