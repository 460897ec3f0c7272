"""Waiting for a condition instead of sleeping."""

import time


def wait_for(condition, timeout=10.0, what=None):
    """Calls CONDITION until it gives something true, and returns that."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            name = what or getattr(condition, "__name__", "condition")
            raise AssertionError(f"waited {timeout} s in vain for: {name}")
        time.sleep(0.005)
