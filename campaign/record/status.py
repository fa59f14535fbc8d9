"""Where a run and its stages stand, as the run's events say."""

from __future__ import annotations

from dataclasses import dataclass, field

from campaign.record.events import Event

ENDED = ("done", "failed", "interrupted", "cancelled")
PRIOR = 0.1  # share of the plan that counts as if it had come true: the first stages do not speak for all


@dataclass
class StageStatus:
    """Where one stage stands.

    Attributes
    ----------
    state
        One of waiting (for what it reads), queued (for a worker), running, done, cached, failed, interrupted; removed
        where its result is no longer there.
    done, total, failed
        Units of work, such as simulations or training steps, and those without a result.
    seconds
        Wall time of a stage that has ended.
    started
        When its work began, seconds since the epoch.
    first, found
        Time of its first progress, and what had been done by then: its pace is what came since.
    expected, spent
        Core-seconds that the plan expects of it, 0 where it does not say, and those that this start told of.
    peak_bytes
        The most memory that one of its processes held, 0 while that is not known.
    best_rep
        The smallest residual error percentage so far, None where there are no targets.
    losses
        Of a training, by name, the one first that says most.
    message
        What is counted, or why it failed.
    """

    state: str = "waiting"
    done: int = 0
    total: int = 0
    failed: int = 0
    seconds: float = 0.0
    started: float | None = None
    first: float | None = None
    found: int = 0
    expected: float = 0.0
    spent: float = 0.0
    peak_bytes: int = 0
    best_rep: float | None = None
    losses: dict[str, float] = field(default_factory=dict)
    message: str = ""

    def rate(self, now: float) -> float | None:
        """Units a second since the stage's first progress; None before there is any."""
        if self.state != "running" or self.first is None or self.done <= self.found:
            return None
        return (self.done - self.found) / max(now - self.first, 1e-3)

    def seconds_left(self, now: float) -> float | None:
        """At that rate."""
        rate = self.rate(now)
        return None if rate is None else (self.total - self.done) / rate

    @property
    def is_bounded(self) -> bool:
        """Whether its total is a bound, as of trainings that stop early."""
        return self.message.endswith("at most")

    @property
    def is_judged(self) -> bool:
        """Whether it shows what the plan was worth: it is done, or has taken more already."""
        return self.state == "done" or self.spent > self.expected

    def core_seconds_left(self, pace: float) -> float:
        """What it still takes, by its own progress where that tells, else by the plan.

        Parameters
        ----------
        pace
            Core-seconds that are spent for each that the plan expects.
        """
        if self.state in {"done", "cached", "failed", "removed"}:
            return 0.0
        if self.done > self.found and self.spent and not self.is_bounded:
            return self.spent * (self.total - self.done) / (self.done - self.found)
        return max(0.0, pace * self.expected - self.spent)


@dataclass
class RunStatus:
    """Where a run stands.

    Attributes
    ----------
    state
        One of unknown, queued, running, done, failed, interrupted, cancelled.
    started, updated
        Times of the last start and of the last event, seconds since the epoch.
    host, process
        Of the driver.
    job, nodes
        The Slurm job that the driver was last part of, and the names of its nodes.
    cpus, workers
        That the cluster has by now, None before there is one.
    expected_seconds
        Wall seconds that the plan expects at least, from the last start on; 0 where it does not say.
    dashboard, token_file
        Address of the Ray dashboard, and the file with its token.
    message
        What is to be known beside the state: who cancelled it, why it failed, what its job waits for.
    stages
        By name, in the order of the pipeline.
    """

    state: str = "unknown"
    started: float | None = None
    updated: float | None = None
    host: str | None = None
    process: int | None = None
    job: str | None = None
    nodes: tuple[str, ...] = ()
    cpus: int | None = None
    workers: int | None = None
    expected_seconds: float = 0.0
    dashboard: str | None = None
    token_file: str | None = None
    message: str = ""
    stages: dict[str, StageStatus] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come, unless it is sent on its way again."""
        return self.state in ENDED

    def count(self, *states: str) -> int:
        """Stages in one of some states."""
        return sum(stage.state in states for stage in self.stages.values())

    def end_stages(self) -> None:
        """Nobody is at work any more: what has not ended was interrupted."""
        for stage in self.stages.values():
            if stage.state in {"queued", "running"}:
                stage.state = "interrupted"

    @property
    def failed(self) -> int:
        """Simulations that failed so far."""
        return sum(stage.failed for stage in self.stages.values())

    def seconds_left(self) -> float | None:
        """About how long it still takes on the workers of now; None before there are any, or where no plan says.

        Stages count by their own progress or by the plan, which is scaled by what others took of what it expected of
        them. Chains of stages leave workers idle as often as the plan foresaw.
        """
        expected = sum(stage.expected for stage in self.stages.values())
        if self.state != "running" or not self.workers or not expected or not self.expected_seconds:
            return None
        told = [stage for stage in self.stages.values() if stage.expected and stage.is_judged]
        prior = PRIOR * expected
        pace = (sum(stage.spent for stage in told) + prior) / (sum(stage.expected for stage in told) + prior)
        left = sum(stage.core_seconds_left(pace) for stage in self.stages.values())
        return left / min(self.workers, expected / self.expected_seconds)

    def apply(self, event: Event) -> None:
        """Fold one event into the status."""
        self.updated = event["time"]
        name = event["event"]
        if name == "run-started":
            self.state, self.started, self.message = "running", event["time"], ""
            self.process, self.host = event.get("process"), event.get("host")
            self.dashboard = self.cpus = self.workers = self.token_file = None
            planned = event.get("planned", {})
            self.stages = {stage: StageStatus(expected=planned.get(stage, 0.0)) for stage in event["stages"]}
            self.expected_seconds = event.get("planned_seconds", 0.0)
        elif name == "cluster-started":
            self.dashboard, self.cpus, self.workers = (event.get(key) for key in ("dashboard", "cpus", "workers"))
            self.token_file = event.get("token_file")
        elif name == "cluster-changed":
            self.cpus, self.workers = event["cpus"], event.get("workers")
        elif name == "run-queued":
            self.state, self.message = "queued", event.get("message", "")
        elif name == "job-started":
            self.job, self.nodes = event["job"], tuple(event["nodes"])
            self.state, self.message = "queued", f"job {self.job} starts on {', '.join(self.nodes)}"
        elif name == "cancel-requested":
            self.message = f"cancelled by {event['user']} from {event['host']}"
        elif name == "run-ended":
            self.state, self.message = event["state"], event.get("message", self.message)
        elif (stage := self.stages.get(event.get("stage", ""))) is not None:
            _apply_to_stage(stage, name, event)


def _apply_to_stage(stage: StageStatus, name: str, event: Event) -> None:
    stage.spent = event.get("core_seconds", stage.spent)
    if name == "stage-started":
        stage.state = "queued"
    elif name == "stage-working":
        stage.state, stage.started = "running", event["time"]
    elif name == "progress":
        if stage.first is None:
            stage.first, stage.found = event["time"], event["done"]
        stage.done, stage.total, stage.failed = event["done"], event["total"], event.get("failed", 0)
        if stage.state == "queued" and event.get("core_seconds"):
            stage.state, stage.started = "running", event["time"]
        stage.best_rep = event.get("best_rep", stage.best_rep)
        stage.losses = event.get("losses", stage.losses)
        stage.peak_bytes = event.get("peak_bytes", stage.peak_bytes)
        stage.message = event.get("message", "")
    elif name == "stage-ended":
        stage.state, stage.seconds = event["state"], event.get("seconds", 0.0)
        stage.peak_bytes = event.get("peak_bytes", stage.peak_bytes)
        stage.message = event.get("message") or stage.message  # what was counted stays
