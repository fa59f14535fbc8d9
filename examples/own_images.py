"""Images of one's own simulated by a spec's physics, and the rows of the store that came of it."""

from pathlib import Path

import numpy as np

from campaign import api
from campaign.spec.profile import InProcessProfile

if __name__ == "__main__":
    np.save("stripes.npy", np.arange(8)[:, None, None] * 8 > np.arange(64) + np.zeros((64, 1)))
    here = InProcessProfile(kind="in-process")
    made = api.simulate(Path("quickstart"), Path("stripes.npy"), Path("stripes.zarr"), profile=here, dataset="data-ii")
    print(made.preparation)
    for row in api.query(made.store, "y > 0", limit=8):
        print(row["source_image"], f"absorbs {row['y']:.3f}")
