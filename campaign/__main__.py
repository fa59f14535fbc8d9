"""``python -m campaign`` is the ``campaign`` command."""

from __future__ import annotations

from campaign.cli.main import main

main()
