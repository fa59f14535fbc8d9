"""Tables, figures and the report of a run, written into its folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from campaign.cache.stage_cache import StageCache
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import REPORT_FILE
from campaign.record.events import read_events
from campaign.record.run_folder import PROVENANCE_FILE
from campaign.record.utilisation import Utilisation, utilisation
from campaign.report.run_results import RunResults
from results.figures.gallery import gallery, image_sheet
from results.figures.morphology import label_distribution, morphology_statistics
from results.figures.style import save_figure
from results.figures.targets import achieved_against_target, optimization_history
from results.figures.timeline import Bar, core_timeline
from results.figures.training import gan_losses, mdn_training
from results.figures.truncation import truncation_error
from results.report import DataTable, Report, ReportFigure, StageLine
from results.report import write_report as write_html
from results.table_formats import write_tables

TABLES_FOLDER = "tables"
FIGURES_FOLDER = "figures"
SHEET_IMAGES = 8
MAX_FAILURES_SHOWN = 50
UTILISATION_GOAL = 0.85
LONGEST_GAP_SECONDS = 60.0  # between two stages at work that a timeline still shows


def write_report(folder: Path, pipeline: Pipeline, cache: StageCache, check: Callable[[], None] = lambda: None) -> Path:
    """Write ``tables/``, ``figures/`` and ``report.html`` of a finished run; the report last.

    What ``check`` raises before a figure ends it.
    """
    results = RunResults(pipeline, cache)
    rows = results.table_rows()
    tables = folder / TABLES_FOLDER
    tables.mkdir(exist_ok=True)
    write_tables(rows, tables)
    pictures = _Pictures(folder / FIGURES_FOLDER, results, check)
    made_by = json.loads((folder / PROVENANCE_FILE).read_text(encoding="utf-8"))
    report = Report(
        name=pipeline.spec.campaign,
        key=pipeline.key,
        finished=datetime.now(UTC),
        spec=(folder / "spec.source.yaml").read_text(encoding="utf-8"),
        table=tuple(rows),
        gallery=tuple(pictures.gallery()),
        achieved=tuple(pictures.achieved()),
        history=tuple(pictures.history()),
        microstructures=tuple(pictures.microstructures()),
        training=tuple(pictures.training()),
        labels=tuple(pictures.labels()),
        cores=tuple(pictures.cores(utilisation(folder))),
        tune=_tuning_table(results),
        failures=_failure_table(results),
        stages=tuple(_stage_records(folder)),
        provenance={
            name: str(value) for name, value in made_by.items() if name != "packages" and value not in ({}, None)
        },
        packages={name: version or "not installed" for name, version in made_by["packages"].items()},
    )
    return write_html(report, folder / REPORT_FILE)


class _Pictures:
    """Draws each figure once: to files, and for the report."""

    def __init__(self, folder: Path, results: RunResults, check: Callable[[], None]) -> None:
        self.folder = folder
        self.results = results
        self._check = check
        folder.mkdir(exist_ok=True)

    def _picture(self, name: str, figure: Figure, caption: str) -> ReportFigure:
        self._check()
        png, _ = save_figure(figure, self.folder, name)
        return ReportFigure.from_file(png, caption)

    def gallery(self) -> Iterator[ReportFigure]:
        """The paper's Figure 2."""
        originals = self.results.originals(len(self.results.spec.targets))
        yield self._picture(
            "gallery",
            gallery(originals, self.results.best_designs()),
            "Examples of each data set, and the design of each method that comes nearest to each target, with its "
            "simulated absorption and residual error percentage (the paper's Figure 2).",
        )

    def achieved(self) -> Iterator[ReportFigure]:
        """Where the designs landed."""
        achieved = self.results.achieved()
        if achieved:
            yield self._picture(
                "achieved",
                achieved_against_target(achieved),
                "Simulated absorption of every design against the absorption that was asked for.",
            )

    def history(self) -> Iterator[ReportFigure]:
        """The paper's Figure 3."""
        histories = self.results.histories()
        if histories:
            yield self._picture(
                "optimization-history",
                optimization_history(histories),
                "Bayesian optimisation: residual error of every simulated microstructure and the best so far, from "
                "the starting pairs on (the paper's Figure 3).",
            )

    def microstructures(self) -> Iterator[ReportFigure]:
        """What the GAN learnt from, and what it learnt."""
        history, training = self.results.gan_history(), self.results.microstructures()
        if history is not None and training is not None:
            sheet = {"microstructures": training[:SHEET_IMAGES]}
            for step, samples in list(zip(history.sample_step, history.samples, strict=True))[-3:]:
                sheet[f"step {step:,}"] = samples[:SHEET_IMAGES]
            caption = "Training images, and images of the same latent vectors as training went on."
            yield self._picture("gan-samples", image_sheet(sheet, SHEET_IMAGES), caption)
            losses = {name: np.asarray(values) for name, values in history.losses.items()}
            yield self._picture(
                "gan-losses", gan_losses(np.asarray(history.step), losses), "Losses of the GAN's training."
            )
        yield self._picture(
            "morphology",
            morphology_statistics(self.results.morphologies()),
            "Morphology of the white phase: mean and spread over each set of images.",
        )

    def training(self) -> Iterator[ReportFigure]:
        """How the inverse models were fitted."""
        curves = self.results.training_curves()
        if curves:
            caption = "Negative log-likelihood per epoch; the marked epoch's weights were kept."
            yield self._picture("mdn-training", mdn_training(curves), caption)

    def labels(self) -> Iterator[ReportFigure]:
        """What was learnt from."""
        yield self._picture(
            "labels",
            label_distribution(self.results.labels(), self.results.spec.targets),
            "Simulated absorption of the labelled microstructures, with the targets, and against volume fraction.",
        )
        samples = self.results.truncation_samples()
        if samples:
            told = " ".join(sample.error.sentence(sample.dataset) for sample in samples)
            yield self._picture("truncation", truncation_error(samples), f"Truncation of the labels. {told}")

    def cores(self, used: Utilisation | None) -> Iterator[ReportFigure]:
        """What the cores did; nothing for a run that came from the cache."""
        if used is not None and used.spans:
            yield self._picture("cores", core_timeline(list(_bars(used)), used.workers), _told_utilisation(used))


def _bars(used: Utilisation) -> Iterator[Bar]:
    """Stages on one axis of time, from which long times are taken out in which no stage was at work."""
    latest = used.spans[0].start
    cut = latest  # what is taken from every time: the first start, and all gaps so far
    for span in used.spans:
        if span.start - latest > LONGEST_GAP_SECONDS:  # between two submissions
            cut += span.start - latest
        latest = max(latest, span.end)
        yield Bar(span.stage, span.start - cut, span.end - cut, span.cores)


def _told_utilisation(used: Utilisation) -> str:
    verdict = "reached" if used.share >= UTILISATION_GOAL else "missed"
    return (
        f"Core utilisation {used.share:.1%} (goal {UTILISATION_GOAL:.0%}: {verdict}): "
        f"{used.busy_core_seconds / 3600:.2f} core-hours of work in {used.available_core_seconds / 3600:.2f} that "
        f"{used.workers} workers had, the start of Ray and waits for the last stages included. Grey: a stage at work; "
        "blue: the share of the cores that it kept busy."
    )


def _tuning_table(results: RunResults) -> DataTable | None:
    sweeps = results.tuning_trials()
    if not sweeps:
        return None
    names = ("learning_rate", "batch_size", "components", "width")
    rows = [
        (
            dataset,
            *(f"{trial['config'][name]:.4g}" for name in names),
            str(trial["epochs"]),
            f"{trial['metric']:.4f}",
            "stopped early" if trial["stopped_early"] else "best" if place == 0 else "",
        )
        for dataset, trials in sweeps.items()
        for place, trial in enumerate(trials)
    ]
    columns = ("data set", *(name.replace("_", " ") for name in names), "epochs", "validation loss", "")
    return DataTable(columns, tuple(rows), "Trials of the sweep over MDN hyperparameters, the best first.")


def _failure_table(results: RunResults) -> DataTable | None:
    failures = results.failures()
    if not failures:
        return None
    shown = tuple((stage, str(row), kind, message) for stage, row, kind, message in failures[:MAX_FAILURES_SHOWN])
    classes = Counter(kind for _, _, kind, _ in failures)
    told = ", ".join(f"{count} {kind}" for kind, count in classes.most_common())
    caption = (
        f"{len(failures)} simulations were quarantined ({told}); {len(shown)} are shown. Their inputs are in the "
        "stores: `campaign replay stages/STAGE/STORE.zarr ROW` runs one again."
    )
    return DataTable(("stage", "row", "class", "message"), shown, caption)


def _stage_records(folder: Path) -> Iterator[StageLine]:
    """The last word of the event log on every stage."""
    last = {event["stage"]: event for event in read_events(folder) if event["event"] == "stage-ended"}
    states = {"done": "computed", "cached": "cached"}
    for name, event in last.items():
        yield StageLine(name, states.get(event["state"], "failed"), event["seconds"], event["message"])  # type: ignore[arg-type]
