"""GPUs that are there, visible, and of use to torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.doctor import gpu
from campaign.doctor.check import Check
from campaign.spec.profile import LAPTOP, LocalProfile, RayProfile

PutCommand = Callable[[str, str], None]

TWO_CARDS = "echo 'A100, 40960 MiB'; echo 'A100, 40960 MiB'"


ON_GPUS = LocalProfile(kind="local", use_gpu=True)


def test_gpus_are_shown_and_a_broken_driver_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put_command: PutCommand
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    put_command("nvidia-smi", TWO_CARDS)
    shown = "A100, 40960 MiB; A100, 40960 MiB; 2 of 2 visible to runs; the profile takes none of this machine"
    assert gpu.check_gpu(LAPTOP) == Check("gpu", "ok", shown)
    assert gpu.check_gpu(RayProfile(kind="ray", use_gpu=True)).status == "ok"  # its GPUs are elsewhere
    put_command("nvidia-smi", "echo 'driver mismatch' >&2; exit 9")
    assert gpu.check_gpu(LAPTOP) == Check(
        "gpu", "warning", "nvidia-smi is there but fails: driver mismatch", "mend the driver, or run on CPUs"
    )
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert gpu.check_gpu(LAPTOP) == Check("gpu", "ok", "none seen: everything here runs on CPUs")


def test_gpus_that_the_profile_asks_for_must_be_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put_command: PutCommand
) -> None:
    monkeypatch.setattr(gpu, "torch_cuda", lambda: "12.8")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    put_command("nvidia-smi", TWO_CARDS)
    assert gpu.check_gpu(ON_GPUS) == Check(
        "gpu", "ok", "A100, 40960 MiB; A100, 40960 MiB; 1 of 2 visible to runs; torch for CUDA 12.8"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    hidden = gpu.check_gpu(ON_GPUS)
    assert hidden.status == "failure"
    assert hidden.message.endswith("none is visible of 2; CUDA_VISIBLE_DEVICES is ''")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert gpu.check_gpu(ON_GPUS).message == "the profile says use_gpu: true, and none is visible: no GPU"


def test_gpus_for_which_torch_was_not_built_are_a_failure(
    monkeypatch: pytest.MonkeyPatch, put_command: PutCommand
) -> None:
    monkeypatch.setattr(gpu, "torch_cuda", lambda: None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    put_command("nvidia-smi", TWO_CARDS)
    check = gpu.check_gpu(ON_GPUS)
    assert check.status == "failure"
    assert "2 of 2 visible to runs, but torch was built for CPUs only" in check.message
    assert check.fix == "install torch for CUDA, or write use_gpu: false in the profile"
    assert gpu.check_gpu(LAPTOP).status == "ok"  # what is not used cannot fail


@pytest.mark.parametrize(
    ("setting", "visible"),
    [(None, 2), ("", 0), ("-1", 0), ("0", 1), ("0,1", 2), ("0,7,1", 1), ("GPU-8932f937,GPU-1", 2), ("1,,0", 1)],
)
def test_visible_gpus_are_counted_as_cuda_does(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, visible: int
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if setting is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)
    assert gpu.visible_gpus(2) == visible


def test_what_torch_was_built_for_is_read_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for text, cuda in (("cuda: Optional[str] = '12.8'\n", "12.8"), ("cuda: Optional[str] = None\n", None)):
        (tmp_path / "torch" / "version.py").write_text(f"__version__ = '2'\n{text}")
        assert gpu.torch_cuda() == cuda
