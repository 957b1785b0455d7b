"""A patch as a SARIF fix: the replaced lines of every file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sdprof.renderers.printable import one_line
from sdprof.renderers.unified_diff import Replacement, parse

Json = dict[str, Any]


def sarif_fix(diff: str, description: str, artifact: Callable[[str], Json]) -> Json | None:
    """The whole of a unified diff as one fix; None where it changes nothing.

    :param artifact: from a path as the diff names it to a SARIF artifactLocation.
    """
    changes = [
        {"artifactLocation": artifact(file.path), "replacements": [_replacement(one) for one in file.replacements]}
        for file in parse(diff)
        if file.replacements
    ]
    return {"description": {"text": one_line(description, 400)}, "artifactChanges": changes} if changes else None


def _replacement(change: Replacement) -> Json:
    # Whole lines: from the beginning of the first to the beginning of the line after the last.
    region = {
        "startLine": change.line,
        "startColumn": 1,
        "endLine": change.line + len(change.removed),
        "endColumn": 1,
    }
    written: Json = {"deletedRegion": region}
    if change.inserted:
        written["insertedContent"] = {"text": "".join(f"{line}\n" for line in change.inserted)}
    return written
