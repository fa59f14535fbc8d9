"""Ray: the installed one, and one that stands already."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from campaign.doctor.check import Check
from campaign.doctor.software import installed_version

JOIN_SECONDS = 90.0
DASHBOARD_PACKAGES = ("aiohttp", "aiohttp-cors", "opencensus", "prometheus-client")  # of the extra `default`

# Ray says what does not fit (versions, token) when a driver joins; nothing is started there.
JOIN_PROBE = """
import json, logging, sys
import ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
    print(json.dumps({"cpus": ray.cluster_resources().get("CPU", 0), "gpus": ray.cluster_resources().get("GPU", 0),
                      "nodes": sum(node["Alive"] for node in ray.nodes())}))
except Exception as error:
    print(json.dumps({"error": " ".join(str(error).split())}))
"""


def check_ray() -> Check:
    """Ray is there with the parts that make its dashboard and metrics."""
    version = installed_version("ray")
    if version is None:
        return Check(
            "ray", "failure", "Ray is not installed", "pip install -c constraints.txt 'ray[default,train,tune]'"
        )
    missing = [name for name in DASHBOARD_PACKAGES if installed_version(name) is None]
    if missing:
        message = f"Ray {version} without {', '.join(missing)}: no dashboard and no metrics"
        return Check("ray", "warning", message, f"pip install -c constraints.txt 'ray[default]=={version}'")
    return Check("ray", "ok", f"Ray {version} with dashboard and metrics")


def check_joining(address: str) -> Check:
    """A driver can join the cluster at ``address``: same versions of Ray and Python, and the right token."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", JOIN_PROBE, address],
            capture_output=True,
            text=True,
            timeout=JOIN_SECONDS,
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        )
    except subprocess.TimeoutExpired:
        fix = "see whether the head is overloaded: ray status"
        return Check("joining", "failure", f"nobody could join {address} within {JOIN_SECONDS:g} s", fix)
    try:
        report = json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError:
        report = {"error": done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"}
    if "error" not in report:
        found = f"{report['cpus']:g} CPUs and {report['gpus']:g} GPUs on {report['nodes']} nodes"
        return Check("joining", "ok", f"the cluster at {address} takes a driver of this environment: {found}")
    return Check(
        "joining", "failure", f"the cluster at {address} refuses: {report['error']}", _joining_fix(report["error"])
    )


def _joining_fix(error: str) -> str:
    if "ersion mismatch" in error:
        return "start the cluster and run `campaign` from the same environment"
    if "token" in error.lower():
        return "export RAY_AUTH_TOKEN_PATH=FILE with the cluster's own token"
    return "see whether it is one, and well: ray status --address HOST:PORT"
