"""Ctrl-C, and SIGTERM which says the same, as a flag that a run looks at.

Python's own handler raises KeyboardInterrupt wherever the main thread is, and in a library's callback it is lost.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PAUSE_SECONDS = 0.1
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Whether the user pressed Ctrl-C: once to end a run in order, twice to end it at once."""

    def __init__(self) -> None:
        """Begin without a press."""
        # Not a threading.Event: a handler runs in the main thread, which may be inside that event's lock.
        self._presses = 0
        self._heard: tuple[signal.Signals, ...] = ()

    def listen(self) -> None:
        """Hear the signals, again where Ray has put handlers of its own in their place as it started; main thread."""
        for number in self._heard:
            signal.signal(number, self._on_signal)

    def press(self) -> None:
        """Note one press.

        Raises
        ------
        KeyboardInterrupt
            It is not the first.
        """
        self._presses += 1
        self.raise_if_pressed_again()

    @property
    def is_pressed(self) -> bool:
        """Whether the run is to end."""
        return self._presses > 0

    def raise_if_pressed(self) -> None:
        """Raise KeyboardInterrupt when the run is to end."""
        if self._presses:
            raise KeyboardInterrupt

    def raise_if_pressed_again(self) -> None:
        """Raise KeyboardInterrupt when the run is to end at once."""
        if self._presses > 1:
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds, or until the run is to end: that raises KeyboardInterrupt."""
        end = time.monotonic() + seconds
        self.raise_if_pressed()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, PAUSE_SECONDS))
            self.raise_if_pressed()

    def join(self, thread: threading.Thread, seconds: float) -> None:
        """Wait until a thread has ended, for so many seconds at most; a second press raises KeyboardInterrupt."""
        end = time.monotonic() + seconds
        while thread.is_alive() and (left := end - time.monotonic()) > 0:
            thread.join(min(left, PAUSE_SECONDS))
            self.raise_if_pressed_again()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.press()


@contextmanager
def ctrl_c() -> Iterator[Interrupt]:
    """Turn Ctrl-C and SIGTERM into the flag that is yielded, until the block ends; one inside another shares its flag.

    The flag is never set outside of the main thread, where Python handles no signals, nor by a signal that is ignored
    or left to something that is not Python: a shell has what it starts with ``&`` ignore Ctrl-C.
    """
    present = {number: signal.getsignal(number) for number in SIGNALS}
    owners = (getattr(handler, "__self__", None) for handler in present.values())
    outer = next((owner for owner in owners if isinstance(owner, Interrupt)), None)
    interrupt = outer or Interrupt()
    if outer is not None or threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    interrupt._heard = tuple(number for number, handler in present.items() if handler not in (None, signal.SIG_IGN))
    interrupt.listen()
    try:
        yield interrupt
    finally:
        for number in interrupt._heard:
            signal.signal(number, present[number])
