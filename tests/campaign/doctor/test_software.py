"""Python and packages: needed, there, tried, working."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from campaign.doctor import software
from campaign.doctor.check import Check


def test_old_python_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "requires_python", lambda: SpecifierSet(">=99"))
    version = ".".join(map(str, sys.version_info[:3]))

    assert software.check_python() == Check(
        "python", "failure", f"Python {version}, >=99 is needed", "use a Python >=99"
    )


def test_missing_and_old_packages_are_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = [Requirement("zarr>=99"), Requirement("no-such-package>=1.2"), Requirement("numpy>=1")]
    monkeypatch.setattr(software, "requirements", lambda: needed)
    monkeypatch.setattr(software, "installed_version", {"zarr": "3.1.6", "numpy": "2.4"}.get)

    assert list(software.check_packages()) == [
        Check(
            "packages",
            "failure",
            "zarr 3.1.6, >=99 is needed",
            "pip install -c constraints.txt 'zarr>=99'",
        ),
        Check(
            "packages",
            "failure",
            "no-such-package is not installed, >=1.2 is needed",
            "pip install -c constraints.txt 'no-such-package>=1.2'",
        ),
    ]


def test_package_past_the_tried_release_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "constraints.txt").write_text("# pins\nray==2.60.0\nzarr==3.1.6\n", encoding="utf-8")
    monkeypatch.setattr(software, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(software, "requirements", lambda: [Requirement("ray>=2"), Requirement("zarr>=3")])
    monkeypatch.setattr(software, "installed_version", {"ray": "2.61.1", "zarr": "3.1.9"}.get)

    assert list(software.check_packages()) == [
        Check(
            "packages",
            "warning",
            "ray 2.61.1 is newer than 2.60.0, the newest that was tried",
            "if something breaks: pip install 'ray==2.60.0'",
        )
    ]


def test_project_that_is_not_installed_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "DISTRIBUTION", "no-such-distribution")

    assert software.requirements() == []
    assert software.requires_python() is None


def test_thread_settings_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in software.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert software.check_threads().status == "ok"
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")

    check = software.check_threads()

    assert check.status == "warning"
    assert check.message.startswith("OMP_NUM_THREADS=8: workers set it to 1 for themselves")
    assert check.fix == "unset OMP_NUM_THREADS"


@pytest.mark.slow
def test_the_libraries_of_this_environment_load_and_solve() -> None:
    check = software.check_libraries()

    assert check.status == "ok", check.message
    assert check.message.startswith("torch ")


def test_libraries_that_do_not_load_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "LIBRARY_PROBE", "raise SystemExit('torch.linalg.solve is off by 1.0e-02')")
    assert software.check_libraries() == Check(
        "libraries",
        "failure",
        "torch.linalg.solve is off by 1.0e-02",
        "set the environment up again from constraints.txt",
    )
    monkeypatch.setattr(software, "LIBRARY_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(software, "PROBE_SECONDS", 0.2)
    assert software.check_libraries().message == "torch and Ray did not load within 0.2 s"
