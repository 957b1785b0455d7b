"""Take apart what TorchDynamo writes about a guard that failed."""

from __future__ import annotations

import re

import msgspec

from sdprof.collectors.graphs.traceback_text import TextFrame, frames_in, original_name

_COMPILE_ID = re.compile(r"^\s*\d+/\d+: ")
_COMMENT = re.compile(r"\s+# ")
_PLACE = re.compile(r"# [^#]*?(?P<file>[^/#\s]+\.py):(?P<line>\d{1,9}) in (?P<function>\S+)")
_STACK = "User stack trace:"


class GuardFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A guard that did not hold any more."""

    guard: str
    """``i == 0``, ``len(history) == 1``."""
    frames: tuple[TextFrame, ...] = ()
    """Where the guarded value was used, as far as TorchDynamo tells."""
    file_name: str = ""
    """Last part of the file's path where only a comment tells the place, with ``line`` and ``function``."""
    line: int = 0
    function: str = ""


def parse_recompile(payload: str) -> GuardFailure:
    """Take apart the payload of a ``recompile_reasons`` artifact.

    It lists, the newest first, every compiled version of the function with a guard that failed; the newest is the one
    that was made for the call before, so its guard is what changed.
    """
    reason = _first_reason(payload)
    head, _, stack = reason.partition(_STACK)
    told = _COMPILE_ID.sub("", head.strip())
    guard = _COMMENT.split(told, maxsplit=1)[0].strip()
    place = _PLACE.search(told)
    return GuardFailure(
        guard=guard or "unknown",
        frames=tuple(frames_in(stack.splitlines())),
        file_name=place["file"] if place else "",
        line=int(place["line"]) if place else 0,
        function=original_name(place["function"]) if place else "",
    )


def _first_reason(payload: str) -> str:
    """The payload is JSON where there are several reasons, else plain text."""
    try:
        reasons = msgspec.json.decode(payload, type=list[str] | str)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return payload
    if isinstance(reasons, str):
        return reasons
    return reasons[0] if reasons else ""
