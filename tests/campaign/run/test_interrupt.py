"""Ctrl-C: a flag within a block, Python's own exception outside of it, and the second press at once."""

from __future__ import annotations

import gc
import signal
import threading
import time

import pytest

from campaign.run.interrupt import Interrupt, ctrl_c


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_sigterm_says_the_same() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ctrl_c() as interrupt:
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.is_pressed
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGTERM) is before


def test_it_hears_again_what_a_library_took_away() -> None:
    with ctrl_c() as interrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        interrupt.listen()
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.is_pressed


def test_the_first_press_is_a_flag_and_the_second_ends_at_once() -> None:
    with ctrl_c() as interrupt:
        interrupt.raise_if_pressed()
        press()
        assert interrupt.is_pressed
        interrupt.raise_if_pressed_again()
        with pytest.raises(KeyboardInterrupt):
            interrupt.raise_if_pressed()
        with pytest.raises(KeyboardInterrupt):
            press()
        with pytest.raises(KeyboardInterrupt):
            interrupt.raise_if_pressed_again()
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.long
def test_a_press_in_a_librarys_callback_is_not_lost() -> None:
    """An exception there is printed by Python, and the program goes on."""

    class PressedWhenCollected:
        def __del__(self) -> None:
            press()

    with ctrl_c() as interrupt:
        PressedWhenCollected()
        gc.collect()
        assert interrupt.is_pressed


def test_a_block_inside_another_one_shares_its_flag() -> None:
    with ctrl_c() as outer, ctrl_c() as inner:
        assert inner is outer
        press()
        assert outer.is_pressed


def test_elsewhere_than_in_the_main_thread_nothing_changes() -> None:
    before, found = signal.getsignal(signal.SIGINT), []

    def look() -> None:
        with ctrl_c() as interrupt:
            found.append((signal.getsignal(signal.SIGINT), interrupt.is_pressed))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [(before, False)]


def test_a_process_that_ignores_ctrl_c_goes_on_to_do_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ctrl_c() as interrupt:
            press()
            assert not interrupt.is_pressed
            with ctrl_c() as inner:
                signal.raise_signal(signal.SIGTERM)
            assert inner.is_pressed
            assert interrupt.is_pressed
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_press_ends_a_sleep() -> None:
    with ctrl_c() as interrupt:
        started = time.monotonic()
        interrupt.sleep(0.01)
        threading.Timer(0.05, press_main).start()
        with pytest.raises(KeyboardInterrupt):
            interrupt.sleep(300)
        assert time.monotonic() - started < 60
        with pytest.raises(KeyboardInterrupt):
            interrupt.sleep(0)


def test_a_thread_is_waited_for_until_a_second_press() -> None:
    interrupt, never = Interrupt(), threading.Event()
    hanging = threading.Thread(target=never.wait, args=(300,), daemon=True)
    hanging.start()
    interrupt.join(hanging, 0.01)
    interrupt.press()
    interrupt.join(hanging, 0.01)
    with pytest.raises(KeyboardInterrupt):
        interrupt.press()
    with pytest.raises(KeyboardInterrupt):
        interrupt.join(hanging, 300)
    never.set()
    hanging.join()


def press_main() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
