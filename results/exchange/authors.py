"""Stores in the layout that the authors published: ``z`` (n, h, w), ``x`` (n, px, px) of 0/1, ``y`` (n,)."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from results.exchange.contents import ExchangeError
from results.files import atomic_path
from results.stores.layout import Status
from results.stores.store import SimulationStore

ROW = "published_row"


def write_authors(store: SimulationStore, path: Path) -> None:
    """Rows that were simulated; failed ones without a number in y. ``row`` where the store knows the published rows.

    Raises ExchangeError where the latents are not (h, w), as the layout wants them.
    """
    latent = store.layout.latent_shape
    if latent is None or len(latent) != 2:
        raise ExchangeError(f"{store.path} has latents of shape {latent}, the authors' layout holds (h, w)")
    status = store.read("status")["status"]
    rows = np.flatnonzero(status != Status.MISSING)
    arrays = store.read("z", "image", "y", rows=rows)
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("z", data=arrays["z"])
        file.create_dataset("x", data=arrays["image"], compression="gzip")
        file.create_dataset("y", data=np.where(status[rows] == Status.DONE, arrays["y"], np.nan))
        if ROW in store.columns:
            file.create_dataset("row", data=store.read(ROW, rows=rows)[ROW])
