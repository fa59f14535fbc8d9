"""Whether a run is to stop, who asked for it, and how long work in flight is waited for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from campaign.record.cancel_request import CancelRequest, pending_request
from campaign.run.endings import RunCancelledError
from campaign.run.interrupt import Interrupt

GRACE_SECONDS = 2.5  # after Ctrl-C, for work in flight to end by itself: ten seconds later all has ended


class Stop:
    """Orders to stop one run: Ctrl-C, and requests of other processes."""

    def __init__(self, run_folder: Path, interrupt: Interrupt, write: Callable[..., object]) -> None:
        """Begin without an order.

        Parameters
        ----------
        run_folder
            Where requests are left.
        interrupt
            Whether the user pressed Ctrl-C.
        write
            ``EventLog.write`` of the run.
        """
        self.interrupt = interrupt
        self._run_folder = run_folder
        self._write = write
        self._request: CancelRequest | None = None
        self._give_up_at = math.inf

    @property
    def is_ordered(self) -> bool:
        """Whether no more work is to be handed out."""
        return self.interrupt.is_pressed or self._request is not None

    def look_for_request(self) -> None:
        """Take note of what `campaign cancel` left, on whatever node."""
        request = pending_request(self._run_folder)
        if request is None or (self._request is not None and request.now <= self._request.now):
            return
        how = "now" if request.now else "orderly"
        self._write("cancel-requested", how=how, user=request.user, host=request.host)
        self._request = request

    def raise_if_ordered(self) -> None:
        """Raise for the order that there is.

        Raises
        ------
        KeyboardInterrupt
            The user pressed Ctrl-C.
        RunCancelledError
            Another process asked for it.
        """
        self.interrupt.raise_if_pressed()
        if self._request is not None:
            raise RunCancelledError

    def raise_if_over(self) -> None:
        """As :meth:`raise_if_ordered`, once work in flight is waited for no longer."""
        self.interrupt.raise_if_pressed_again()
        if self.interrupt.is_pressed:
            self._give_up_at = min(self._give_up_at, time.monotonic() + GRACE_SECONDS)
        is_urgent = self._request is not None and self._request.now
        if is_urgent or time.monotonic() >= self._give_up_at:
            self.raise_if_ordered()
