"""Baseline of the paper: Bayesian optimisation of |y - target| over the latents, with Ax and BoTorch.

``suggest`` is a pure function of the simulations known so far. It builds a fresh Ax experiment from them every time, so
an optimisation that was interrupted goes on exactly as if it had not been, and there is no optimiser to save.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from ax.adapter.registry import Generators
from ax.core.data import Data, DataRow
from ax.core.experiment import Experiment
from ax.core.metric import Metric
from ax.core.objective import Objective
from ax.core.optimization_config import OptimizationConfig
from ax.core.parameter import ParameterType, RangeParameter
from ax.core.search_space import SearchSpace
from ax.generation_strategy.generation_node import GenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.generation_strategy.generator_spec import GeneratorSpec
from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec
from ax.utils.common.random import with_rng_seed
from botorch.exceptions.warnings import InputDataWarning
from linear_operator.utils.warnings import NumericalWarning

from ganmdn.marginal_likelihood import DirectMarginalLogLikelihood
from ganmdn.targets import Target

ERROR = "error"
# Half and less of Ax's defaults (1024 and 20): quicker, and no farther from the target after 96 simulations.
RAW_SAMPLES = 512  # points at which the acquisition function is evaluated first
RESTARTS = 8  # the best of them, refined by gradients
REFINEMENTS = 20  # iterations of that at most, of 200; among Table 1's points 50 found no larger acquisition


@dataclass(frozen=True)
class Suggestions:
    """What to simulate next.

    Parameters
    ----------
    z
        float64, (count, M), within the search box.
    from_sobol
        How many of them, the last ones, are quasi-random, because Ax gave fewer than were asked for.
    """

    z: np.ndarray
    from_sobol: int


def suggest(
    z: np.ndarray,
    y: np.ndarray,
    target: float | Target,
    count: int,
    seed: np.random.SeedSequence,
    low: float = -1.0,
    high: float = 1.0,
) -> Suggestions:
    """Suggest the next ``count`` latents in the search for |y - target| = 0, or for a distance of 0 to other targets.

    A Gaussian process with Ax's defaults models the error; points maximise log noisy expected improvement, each
    given the ones before it. Draws are keyed by ``seed`` and the number of known simulations. Python's, NumPy's
    and torch's global generators are left as they were.

    Parameters
    ----------
    z
        (n, M), latents simulated so far, flattened, in the order they were simulated.
    y
        (n,) or (n, D), their properties; NaN where the simulation failed. Ax keeps away from those, as from points that
        are still running.
    low, high
        The search box, the same in every dimension.

    Raises
    ------
    ValueError
        If shapes disagree, ``z`` or ``target`` is not finite, ``y`` is infinite, ``count`` is below 1, or ``low`` is
        not below ``high``.
    """
    target = Target.of(target)
    _check(z, y, count, low, high)
    key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, len(y)))
    state = int(key.generate_state(1, np.uint32)[0])
    points = np.empty((0, z.shape[1]))
    error = target.distance(y)
    if np.isfinite(error).any():
        with _quiet():
            points = _ask_ax(z, error, count, state, (low, high))
    missing = count - len(points)
    if missing:
        sobol = torch.quasirandom.SobolEngine(z.shape[1], scramble=True, seed=state)
        filling = sobol.draw(missing, dtype=torch.float64).numpy()
        points = np.concatenate([points, low + (high - low) * filling])
    return Suggestions(points, missing)


def _ask_ax(
    z: np.ndarray,
    error: np.ndarray,
    count: int,
    state: int,
    box: tuple[float, float],
) -> np.ndarray:
    """Up to ``count`` points, each given those before it, by one process of all finished simulations."""
    with with_rng_seed(state):
        runs = _strategy().gen(_experiment(z, error, box), n=count)
    arms = [arm.parameters for batch in runs for run in batch for arm in run.arms]
    names = _names(z.shape[1])
    return np.array([[arm[name] for name in names] for arm in arms]).reshape(-1, z.shape[1])


def _experiment(z: np.ndarray, error: np.ndarray, box: tuple[float, float]) -> Experiment:
    """An experiment with one finished trial a row, abandoned where ``error`` is NaN.

    All observations are attached at once: Ax's client reads every earlier one again for each, which for 650 rows takes
    longer than the optimisation.
    """
    names = _names(z.shape[1])
    experiment = Experiment(
        SearchSpace([RangeParameter(name, ParameterType.FLOAT, *box) for name in names]),
        optimization_config=OptimizationConfig(Objective(f"-{ERROR}", metric_name_to_signature={ERROR: ERROR})),
        metrics=[Metric(ERROR, lower_is_better=True)],
    )
    observations = []
    for row, value in zip(z.astype(np.float64).tolist(), error.tolist(), strict=True):
        _, index = experiment.attach_trial([dict(zip(names, row, strict=True))])
        trial = experiment.trials[index]
        if np.isnan(value):
            trial.mark_abandoned(reason="the simulation failed")
        else:
            trial.mark_completed()
            observations.append(DataRow(index, trial.arms[0].name, ERROR, ERROR, mean=value, se=0.0))
    experiment.attach_data(Data(observations))
    return experiment


def _strategy() -> GenerationStrategy:
    """Model-based from the first point: initial simulations are given, so Ax's own Sobol phase is left out."""
    refinement = {"maxiter": REFINEMENTS}
    options = {"raw_samples": RAW_SAMPLES, "num_restarts": RESTARTS, "options": refinement}
    specification = GeneratorSpec(
        Generators.BOTORCH_MODULAR,
        generator_kwargs={
            "surrogate_spec": SurrogateSpec(model_configs=[ModelConfig(mll_class=DirectMarginalLogLikelihood)])
        },
        generator_gen_kwargs={"model_gen_options": {"optimizer_kwargs": options}},
    )
    node = GenerationNode(name="GP", generator_specs=[specification], should_deduplicate=True)
    return GenerationStrategy(nodes=[node])


def _names(dimension: int) -> list[str]:
    return [f"z{index}" for index in range(dimension)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what Ax logs and warns of at every single call, and only here."""
    logger = logging.getLogger("ax")
    levels, propagate = [handler.level for handler in logger.handlers], logger.propagate
    try:
        logger.propagate = False
        for handler in logger.handlers:
            handler.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            for category in (DeprecationWarning, FutureWarning, NumericalWarning, InputDataWarning):
                warnings.simplefilter("ignore", category)
            yield
    finally:
        logger.propagate = propagate
        for handler, level in zip(logger.handlers, levels, strict=True):
            handler.setLevel(level)


def _check(z: np.ndarray, y: np.ndarray, count: int, low: float, high: float) -> None:
    if z.ndim != 2 or y.ndim not in (1, 2) or len(y) != len(z):
        raise ValueError(f"z must have shape (n, M) and y (n,), got {z.shape} and {y.shape}; flatten z first")
    if (bad := ~np.isfinite(z).all(axis=1)).any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"z must be finite, {int(bad.sum())} of {len(z)} rows are not (first: {row}, {z[row]})")
    if (bad := np.isinf(y.reshape(len(y), -1)).any(axis=1)).any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"y must be finite, or NaN where the simulation failed, {int(bad.sum())} of {len(y)} are infinite "
            f"(first: {row}, {y[row]})"
        )
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"low must be below high, got low {low}, high {high}")
