"""Published data sets beside a campaign: compared with its generator and its physics, calibrated to, imported."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.record.run_folder import DEFAULT_RUNS
from campaign.spec.load import load_calibration, load_physics, load_profile

if TYPE_CHECKING:
    from campaign.published.agreement import Agreement
    from campaign.published.calibrate import CalibrationOutcome


def verify_authors(weights: Path, data: Path) -> dict[str, Any]:
    """Compare the published generator's images with the published ones; see ``ganmdn.authors.verify_authors``."""
    from ganmdn import authors

    return asdict(authors.verify_authors(weights, data))


def validate_physics(
    spec: Path, data: Path, dataset: str | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Agreement:
    """Simulate a published data set under a spec's physics, and compare with its published property.

    Parameters
    ----------
    spec
        A campaign's spec or a physics file.
    data
        HDF5 file in the published layout.
    dataset
        Whose orders to take, where they differ and the size of the images does not decide.
    progress
        Called with how many images are done, of how many.

    Raises
    ------
    load.SpecError, load.UnknownDatasetError
        See ``load.load_physics``.
    ValueError, FileNotFoundError
        The data are not what they should be, or no image could be simulated.
    """
    from campaign.published.agreement import validate_physics as validate
    from results.exchange.hdf5 import read_published

    published = read_published(data)
    physics, orders = load_physics(spec, published.images.shape[-1], dataset)
    return validate(physics, orders, published.images, published.y, progress)


def calibrate(
    spec: Path,
    data: Path,
    profile: Path | None = None,
    runs: Path = DEFAULT_RUNS,
    dataset: str | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> CalibrationOutcome:
    """Fit a family of stacks to a published data set on Ray; goes on with a calibration that was interrupted.

    Parameters
    ----------
    spec
        A calibration, or a physics file or campaign around whose values all ranges are made.
    data
        HDF5 file in the published layout.
    profile
        Where to run; this machine by default.
    runs
        Folder below which results of single steps are kept.
    dataset
        As for ``validate_physics``.
    progress
        Called after every task: done, total, and of what.

    Raises
    ------
    load.SpecError, load.UnknownDatasetError, ValueError, FileNotFoundError
        As ``validate_physics``.
    RuntimeError
        No start could be simulated.
    """
    from campaign.published.calibrate import Calibrator
    from campaign.work.resources import Resources
    from results.exchange.hdf5 import read_published

    published = read_published(data)
    calibration, orders = load_calibration(spec, published.images.shape[-1], dataset)
    calibrator = Calibrator(calibration, orders, published.images, published.y)
    with closing(Resources(load_profile(profile))) as resources:
        return calibrator.run(resources.pool, runs, progress)
