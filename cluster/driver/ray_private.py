"""Everything of Ray that we touch and that Ray does not promise: look here first when its version changes.

``pyproject.toml`` bounds the version from above; a test finds private parts that are used anywhere else. What makes a
node of a machine is told by environment variables and one hook, in ``cluster.node.command``, since the keeper of a
node imports no Ray.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.job_config import JobConfig
from ray.util.placement_group import PlacementGroup, remove_placement_group

# Settings of Ray's libraries, which run in workers too.
LIBRARY_SETTINGS = {
    # Relative paths in a spec mean the same in every process.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # Train's controller takes one report of each rank per poll: Ray's 2 s would be the pace of a fast loop.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1",
    # No process beside each training that looks for nodes about to be taken away: those that go are survived.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    # No CSV, JSON and TensorBoard copies of what the caller is told anyway.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}

# Ray Train's index of a run's checkpoints, written after each of them.
CHECKPOINT_INDEX = "checkpoint_manager_snapshot.json"


class _NoFolders(list[str]):
    """Stays as it is, whatever Ray adds."""

    def extend(self, folders: Iterable[str]) -> None:
        """Add nothing."""


def job_without_working_folder() -> JobConfig:
    """A job whose workers do not import from the driver's folders.

    Ray would put the working directory and that of the driver's script in front of all other folders, where a user's
    own ``numpy.py`` takes the place of NumPy.
    """
    job = JobConfig()
    job._py_driver_sys_path = _NoFolders()
    return job


def read_token_again() -> None:
    """Make Ray's libraries in this process forget the mode and the token that they read before."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def print_nothing() -> None:
    """Leave out the raylet's notices of dead workers, which we handle: ``log_to_driver`` alone does not.

    This is Ray's switch for all that it prints, the same that its debugger uses.
    """
    ray._private.worker._worker_logs_enabled = False


@contextmanager
def loopback_kept(is_loopback: bool) -> Iterator[None]:
    """Keep Ray from replacing the loopback address by an outside one, to which its node does not listen."""
    constants = ray._private.ray_constants
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = before and not is_loopback
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


def remove_orphaned_groups() -> int:
    """Remove placement groups of this driver whose creating actor is dead; nobody else can. How many there were."""
    from ray.core.generated.gcs_pb2 import PlacementGroupTableData  # type: ignore[attr-defined]  # made by protobuf

    # ray.util.placement_group_table() leaves out who created a group; the table behind it has that.
    table = ray._private.state.state._connect_and_get_accessor().get_placement_group_table()
    own_job = ray.get_runtime_context().get_job_id()
    orphans = [
        group
        for group in map(PlacementGroupTableData.FromString, table)
        if group.creator_job_id.hex() == own_job
        and group.creator_actor_dead
        and group.state != PlacementGroupTableData.REMOVED
    ]
    for group in orphans:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
    return len(orphans)


def named_checkpoints(run_folder: Path) -> set[str]:
    """Folders of checkpoints that Ray Train's index of a training names; another one may be half a copy.

    Raises
    ------
    ValueError
        The index is torn: Ray writes it in place.
    """
    index = run_folder / CHECKPOINT_INDEX
    if not index.exists():
        return set()
    try:
        return {result["checkpoint_dir_name"] for result in json.loads(index.read_text())["checkpoint_results"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{index} is torn, or not what Ray Train writes there") from error


def act_on_trial(tune_controller: Any, trial: Any, action: str) -> None:
    """Make Tune act on a trial outside of the trial's own report, for which there is no public call."""
    tune_controller._execute_action(trial, action)
