"""What is asked of a finished run: targets, how many designs, how many simulations, and what a fab can write."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ganmdn.targets import Target

Phase = Literal["white", "black"]

MOST_TARGETS = 1000
DECIMALS = 12  # of a target in a series: steps of 0.02 are not exact in binary
SERIES = re.compile(r"(?P<first>[^:]+):(?P<last>[^:]+):(?P<step>[^:]+)")


@dataclass(frozen=True)
class DesignRequest:
    """Designs to make.

    Attributes
    ----------
    targets
        Wanted properties, values and bounds each above 0 and below 1.
    dataset, method
        Of the run; None where it has one alone.
    count
        Designs a target.
    simulations
        At most so many a design; 0 for designs that are predicted alone.
    tolerance
        A design whose simulated property is so near to its target is not tried again.
    seed
        Of all draws; None for the run's own.
    orders
        Diffraction orders that designs are simulated with, and by which they are to meet their targets; None for those
        of the run's labels.
    nearest
        Whether a target out of reach is replaced by the nearest one within.
    min_feature_nm
        Width of the smallest feature that can be written, of white and of black; None for any.
    connected
        The phase that must hang together; None for neither.

    Raises
    ------
    ValueError
        A number is out of its range.
    """

    targets: tuple[Target, ...]
    dataset: str | None = None
    method: str | None = None
    count: int = 12
    simulations: int = 0
    tolerance: float = 0.002
    seed: int | None = None
    orders: int | None = None
    nearest: bool = False
    min_feature_nm: float | None = None
    connected: Phase | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(map(Target.of, self.targets)))  # numbers are targets too
        if not self.targets:
            raise ValueError("name at least one target, for example 0.68")
        for target in self.targets:
            if any(math.isfinite(bound) and not 0 < bound < 1 for bound in (*target.low, *target.high)):
                raise ValueError(f"a target must be above 0 and below 1, got {target}")
        if len(self.targets) > MOST_TARGETS:
            raise ValueError(f"at most {MOST_TARGETS} targets at once, got {len(self.targets)}; take a larger step")
        for name, least in (("count", 1), ("simulations", 0), ("seed", 0), ("orders", 1)):
            if (value := getattr(self, name)) is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        if self.orders is not None and not self.simulations:
            raise ValueError(f"orders are those that designs are simulated with, got {self.orders} without --verify")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ValueError(f"tolerance must be at least 0, got {self.tolerance:g}")
        if self.min_feature_nm is not None and not (math.isfinite(self.min_feature_nm) and self.min_feature_nm > 0):
            raise ValueError(f"min_feature_nm must be above 0, got {self.min_feature_nm:g}")
        if self.connected is not None and self.connected not in get_args(Phase):
            raise ValueError(f"connected must be white or black, got {self.connected!r}")


def parse_targets(texts: Sequence[str]) -> tuple[Target, ...]:
    """Targets from text, each once: as ``ganmdn.targets`` writes them, and series ``first:last:step`` with both ends.

    Raises
    ------
    ValueError
        A text is neither.
    """
    return tuple(dict.fromkeys(target for text in texts for target in _parsed(text)))


def _parsed(text: str) -> Iterator[Target]:
    match = SERIES.fullmatch(text)
    if match is None:
        yield Target.parse(text)
        return
    try:
        numbers = [float(part) for part in match.groups()]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"a series of targets must be numbers first:last:step, got '{text}'; write 0.6:0.7:0.02")
    first, last, step = numbers
    if step <= 0 or last < first:
        raise ValueError(f"a series of targets must rise by a step above 0, got '{text}'; write 0.6:0.7:0.02")
    steps = math.floor((last - first) / step + 1e-9)
    if steps >= MOST_TARGETS:
        raise ValueError(f"at most {MOST_TARGETS} targets at once, got {steps + 1} in '{text}'; take a larger step")
    yield from (Target.of(round(first + place * step, DECIMALS)) for place in range(steps + 1))
