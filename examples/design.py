"""The shortest way: run a shipped campaign, then ask it for a microstructure that absorbs 0.68."""

from pathlib import Path

from campaign import api
from campaign.design.request import DesignRequest

if __name__ == "__main__":
    run = api.submit(api.Campaign.open(Path("quickstart")))
    request = DesignRequest(targets=(0.68,), dataset="data-ii", method="gan-mdn", count=4, simulations=2)
    made = api.design(run.folder, request, Path("designs"))
    print(f"absorption asked for 0.68, simulated {made.y.round(3)}; images in designs/")
