"""A Ray that ends under a run, raylet and all, is replaced, and the run goes on; in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from campaign.events import read_events, run_status
from campaign.keys import PROJECT

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

DRIVER = """
    import os, signal, sys, time
    from pathlib import Path
    from types import ModuleType

    from ray import cloudpickle

    from campaign.cache import StageCache
    from campaign.pipeline import Pipeline, Stage
    from campaign.profiles import LocalProfile
    from campaign.run import Executor
    from cluster.descendants import descendants

    folder = Path(sys.argv[1])
    cloudpickle.register_pickle_by_value(sys.modules["__main__"])

    class StagesOnly(Pipeline):
        keys = {"a": "a"}

    def kill_raylet():
        (raylet,) = (pid for pid in descendants(os.getpid()) if os.path.realpath(f"/proc/{pid}/exe").endswith("/raylet"))
        os.kill(raylet, signal.SIGKILL)

    def square(number):
        return number**2

    def run(config, inputs, context):
        (first,) = context.tasks(square, [(3,)])
        if not (folder / "killed").exists():
            (folder / "killed").touch()
            kill_raylet()
            context.tasks(time.sleep, [(600,)])
        rest = context.tasks(square, [(number,) for number in range(4)])
        (context.folder / "out").write_text(str([first, *rest]))

    module = ModuleType("campaign.stages.a")
    module.run = run
    sys.modules[module.__name__] = module
    profile = LocalProfile(kind="local", workers=2, dashboard=False)
    Executor(StagesOnly(None, (Stage("a", (), {}),)), StageCache(folder / "cache"), profile, folder).execute()
"""


def test_a_run_outlives_its_ray(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(textwrap.dedent(DRIVER))
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, cwd=PROJECT, timeout=500)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()
    assert (tmp_path / "stages" / "a" / "out").read_text() == "[9, 0, 1, 4, 9]"
    events = [event["event"] for event in read_events(tmp_path)]
    assert events.count("cluster-started") == 2
    assert "stage-reopened" in events
    assert run_status(tmp_path).state == "done"
