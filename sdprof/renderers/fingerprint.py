"""What stays the same of a finding when lines above it move, or the same code is audited on another machine."""

from __future__ import annotations

import hashlib

from sdprof.model import Finding
from sdprof.renderers.short_path import short_path


def fingerprint(finding: Finding, roots: tuple[str, ...] = ()) -> str:
    """A hash of its rule, region and, where it has a place, the file, function and source text of the first.

    :param roots: the target's source roots; paths below them are taken from there.
    """
    parts = [finding.id, finding.region]
    if finding.locations:
        where = finding.locations[0]
        parts += [short_path(where.file, roots), where.function, " ".join(where.code.split())]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
