"""Settings of single collectors, as the command line gives them."""

from __future__ import annotations

from sdprof.collectors.watched_run import CannotCollectError, WatchedRun


def whole_number(watched: WatchedRun, name: str, default: int) -> int:
    """The setting ``name`` as a number of at least 1.

    :raises CannotCollectError: if it is something else.
    """
    text = watched.options.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise CannotCollectError(f"The setting {name} is {text!r}.", "Give it a whole number of 1 or more.")
    return int(text)
