"""Waiting for a state to come, with a deadline; nothing here assumes how long something takes."""

import time

POLL_SECONDS = 0.05


def until(probe, within, what):
    """Calls `probe` until it answers something true, and answers that.

    Raises `AssertionError` with `what` was waited for and the last answer, once `within` seconds are over. What
    `probe` itself raises is passed on: a state that can no longer come should not be waited for.
    """
    deadline = time.monotonic() + within
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within} s for {what}; last seen: {answer!r}")
        time.sleep(POLL_SECONDS)
