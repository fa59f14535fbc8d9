"""Table 1 as JSON: the form for programs, with a documented schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from results.table.bootstrap import Interval
from results.table.cost import TRIES
from results.table.generator import JudgedGenerator
from results.table.lines import Line, method_groups
from results.table.reach import Reach
from results.table.rows import TableRow
from results.table.truncation import TruncationError
from results.wanted import cell, plain

Percent = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Figures = float | tuple[float, ...] | None
Number = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class JsonRow(_Part):
    """What one method did for one target; what is not known, or does not apply, is null."""

    dataset: str = Field(description="name of the data set")
    method: str = Field(description="name of the method")
    target: float | str = Field(
        description="the property that was asked for; as text (0.9.., 0.3,..0.1) where it is a range or several"
    )
    seeds: tuple[int, ...] = Field(description="of the repeats behind the row")
    min_rep: Percent | None = Field(description="REP of the best design of all repeats, in per cent of the target")
    mean_rep: Percent | None = Field(description="mean REP of the designs, in per cent; null for searches")
    std_rep: Percent | None = Field(description="standard deviation (ddof 0) of the designs' REP, in per cent")
    mean_rep_interval: Interval | None = Field(
        description="ends of the 95 % bootstrap interval of mean_rep, over designs and repeats"
    )
    spread_rep: Percent | None = Field(
        default=None, description="standard deviation (ddof 1) of repeat_reps; null with fewer than two repeats"
    )
    repeat_reps: tuple[Percent | None, ...] = Field(
        default=(), description="mean REP of each repeat, in the order of seeds; of a search its best REP"
    )
    designs: Number = Field(description="of all repeats, those that failed included; of a search its simulations")
    oracle_rep: Percent | None = Field(description="mean REP of as many labels as designs, the nearest to the target")
    rep_at_tries: dict[str, Percent] = Field(
        default_factory=dict,
        description="least REP to expect when so many designs are simulated, by their number; empty for searches",
    )
    diversity: float | None = Field(
        description="mean pairwise pixel distance of the designs over that of all labels; null for a single design"
    )
    design_seconds: float = Field(
        description="of a repeat, for the designs, simulation excluded; of a search, all of it", ge=0
    )
    simulations: Number | None = Field(description="that a repeat ran itself, beyond the labels; not those that judge")
    label_equivalents: float | None = Field(description="cost of those, in units of the cost of one label", ge=0)
    labels: Number | None = Field(description="that the method learnt or started from")
    failed: Number = Field(description="designs whose simulation failed; they count in no REP")


class JsonAverage(_Part):
    """One method on one data set: the mean over its targets, null where one of them has no figure."""

    dataset: str = Field(description="name of the data set")
    method: str = Field(description="name of the method")
    min_rep: Percent | None = Field(description="mean of min_rep")
    mean_rep: Percent | None = Field(description="mean of mean_rep")
    mean_rep_interval: Interval | None = Field(description="ends of the 95 % bootstrap interval of that mean")
    spread_rep: Percent | None = Field(description="standard deviation (ddof 1) of the repeats' means over targets")


class JsonReach(_Part):
    """How far the labels of one data set reach; null where no label is known."""

    properties: tuple[str, ...] = Field(description="names of what is designed for")
    lowest: Figures = Field(description="of the one property, or of each of several")
    highest: Figures
    standard_deviation: Figures = Field(description="ddof 0")
    share_within_1_percent: dict[str, Share | None] = Field(
        description="share of the labels within 1 % of each target, by target as text (0.55, 0.6)"
    )
    outside: tuple[str, ...] = Field(default=(), description="targets that lie outside the labels")


class JsonTruncation(_Part):
    """What the truncation of one data set's labels leaves out; null where no sample was solved again."""

    mean_change: float | None = Field(description="mean absolute change of the property by more orders", ge=0)
    orders: Number | None = Field(description="diffraction orders that labels keep")
    orders_again: Number | None = Field(description="with which a sample was solved again")


class JsonGenerator(_Part):
    """How good the generator's images of one data set are beside microstructures held out from its training."""

    images: Number = Field(description="in each set that was compared")
    sets: Number = Field(default=1, description="that were compared; the rest are means over them")
    distance: dict[str, float] = Field(
        description="between the sets: of volume_fraction Kolmogorov-Smirnov, of curves Wasserstein-1 in standard "
        "deviations"
    )
    floor: dict[str, float] = Field(description="the same between two held-out sets")
    similarity: float = Field(description="share of pixels in which two images agree, over that of held-out ones")


class JsonTable(_Part):
    """``table1.json`` of a run."""

    rows: tuple[JsonRow, ...]
    averages: tuple[JsonAverage, ...]
    reach: dict[str, JsonReach] = Field(description="by data set")
    truncation: dict[str, JsonTruncation] = Field(description="by data set")
    generator: dict[str, JsonGenerator] = Field(
        default_factory=dict, description="by data set; empty where none was trained"
    )
    utilisation: Share | None = Field(description="share of the workers' time in work; null for a run from the cache")
    wall_seconds: float | None = Field(description="that the run took, over all its submissions", ge=0)
    planned_core_seconds: float | None = Field(
        default=None, description="that the plan had expected of the stages which the run computed itself", ge=0
    )
    spent_core_seconds: float | None = Field(default=None, description="that those stages took", ge=0)


def json_table(
    rows: Sequence[TableRow],
    reaches: Sequence[Reach],
    truncations: Mapping[str, TruncationError],
    utilisation: float | None = None,
    wall_seconds: float | None = None,
    planned_core_seconds: float | None = None,
    spent_core_seconds: float | None = None,
    generators: Sequence[JudgedGenerator] = (),
) -> JsonTable:
    """A table with what its labels are worth.

    Parameters
    ----------
    rows
        Of the table.
    reaches
        How far the labels reach, a data set each.
    truncations
        What their truncation leaves out, by data set.
    utilisation, wall_seconds, planned_core_seconds, spent_core_seconds
        Of the run, None where no worker ran.
    generators
        How good the images of each data set are.
    """
    return JsonTable(
        rows=tuple(_row(row) for row in rows),
        averages=tuple(_average(group.dataset, group.method, group.average) for group in method_groups(rows)),
        reach={reach.dataset: _reach(reach) for reach in reaches},
        truncation={reach.dataset: _truncation(truncations.get(reach.dataset)) for reach in reaches},
        generator={
            each.dataset: JsonGenerator(
                images=each.images,
                sets=each.sets,
                distance=dict(each.distance),
                floor=dict(each.floor),
                similarity=each.similarity,
            )
            for each in generators
        },
        utilisation=utilisation,
        wall_seconds=wall_seconds,
        planned_core_seconds=planned_core_seconds,
        spent_core_seconds=spent_core_seconds,
    )


def to_json(table: JsonTable) -> str:
    """The table as text, a line a field."""
    return table.model_dump_json(indent=2) + "\n"


def from_json(text: str) -> JsonTable:
    """What :func:`to_json` wrote; raises ``pydantic.ValidationError`` for anything else."""
    return JsonTable.model_validate_json(text)


def json_table_schema() -> dict[str, Any]:
    """JSON Schema of ``table1.json``, as it lies in ``results/data/table1.schema.json``."""
    return JsonTable.model_json_schema()


def _row(row: TableRow) -> JsonRow:
    return JsonRow(
        dataset=row.dataset,
        method=row.method,
        target=cell(row.target),
        seeds=row.seeds,
        min_rep=row.minimum_rep,
        mean_rep=row.mean_rep,
        std_rep=row.std_rep,
        mean_rep_interval=row.mean_rep_interval,
        spread_rep=row.spread_rep,
        repeat_reps=row.repeat_reps,
        designs=row.designs,
        oracle_rep=row.at_target.oracle_rep,
        rep_at_tries={str(tries): rep for tries, rep in zip(TRIES, row.rep_at_tries, strict=False)},
        diversity=row.diversity,
        design_seconds=row.seconds,
        simulations=row.simulations,
        label_equivalents=row.label_equivalents,
        labels=row.labels,
        failed=row.failed,
    )


def _average(dataset: str, method: str, average: Line) -> JsonAverage:
    return JsonAverage(
        dataset=dataset,
        method=method,
        min_rep=average.ours.minimum_rep,
        mean_rep=average.ours.mean_rep,
        mean_rep_interval=average.interval,
        spread_rep=average.spread_rep,
    )


def _reach(reach: Reach) -> JsonReach:
    return JsonReach(
        properties=reach.names,
        lowest=plain(reach.lowest) if reach.lowest else None,
        highest=plain(reach.highest) if reach.highest else None,
        standard_deviation=plain(reach.standard_deviation) if reach.standard_deviation else None,
        share_within_1_percent={str(each.target): each.share_within_1_percent for each in reach.targets},
        outside=tuple(map(str, reach.outside)),
    )


def _truncation(error: TruncationError | None) -> JsonTruncation:
    if error is None:
        return JsonTruncation(mean_change=None, orders=None, orders_again=None)
    return JsonTruncation(mean_change=error.mean_absolute, orders=error.orders, orders_again=error.higher_orders)
