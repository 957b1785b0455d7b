"""Settings of single collectors, as the command line gives them."""

from __future__ import annotations

from sdprof.collectors.watched_run import CannotCollectError, WatchedRun


def whole_number(watched: WatchedRun, name: str, default: int, highest: int | None = None) -> int:
    """The setting ``name`` as a number from 1 to ``highest``.

    :raises CannotCollectError: if it is something else.
    """
    text = watched.options.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or int(text) < 1 or (highest is not None and int(text) > highest):
        range_of_values = "of 1 or more" if highest is None else f"from 1 to {highest}"
        raise CannotCollectError(f"The setting {name} is {text!r}.", f"Give it a whole number {range_of_values}.")
    return int(text)
