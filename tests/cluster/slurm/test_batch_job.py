"""What a job knows of itself."""

from __future__ import annotations

from cluster.slurm.batch_job import cpus_on_nodes, time_left


def test_a_job_reads_its_time_and_its_nodes() -> None:
    assert [time_left(text) for text in ("59:58", "1:00:01", "6-23:59:58\n", "UNLIMITED")] == [3598, 3601, 604798, None]
    assert cpus_on_nodes("4(x2),8") == (4, 4, 8)
