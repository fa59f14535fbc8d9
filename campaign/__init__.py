"""What to run: spec, plan, stages, run, command line. Joins the method, the physics, the cluster and the results."""

from __future__ import annotations

import time

LOADED_AT = time.time()  # seconds since the epoch; source that is younger may not be what was loaded
