"""Whose code a sampled frame is: the user's own, torch's, or somebody else's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from sdprof.model import AuditResult

FrameKind = Literal["own", "torch", "other"]
_FRAME = re.compile(r"(?P<function>.*) \((?P<place>.*)\)", re.DOTALL)


@dataclass(frozen=True)
class OwnSource:
    """The user's source: the audited roots, and the files that findings and hot lines point into."""

    roots: tuple[str, ...]
    files: frozenset[str]

    def kind(self, file: str) -> FrameKind:
        """Whose a file is. Samplers shorten paths by sys.path, so a relative path is matched by its end."""
        path = PurePosixPath(file.replace("\\", "/"))
        if (not path.is_absolute() and path.parts[:1] == ("torch",)) or "/torch/" in file:
            return "torch"
        if any(_under(path, PurePosixPath(root)) for root in self.roots):
            return "own"
        if "site-packages" in path.parts:
            return "other"
        return "own" if any(known == file or known.endswith("/" + file) for known in self.files) else "other"


def _under(path: PurePosixPath, root: PurePosixPath) -> bool:
    """Whether a path lies under a root; a relative one may begin anywhere on the way to it."""
    if path.is_absolute():
        return root == path or root in path.parents
    return any(root.parts[-count:] == path.parts[:count] for count in range(1, len(path.parts)))


def own_source(result: AuditResult) -> OwnSource:
    """What an audit says of the user's source."""
    roots = result.target.source_roots
    places = [where.file for finding in result.findings for where in finding.locations]
    places += [hot.where.file for hot in result.hot_lines]
    in_roots = {file for file in places if any(_under(PurePosixPath(file), PurePosixPath(root)) for root in roots)}
    others = {file for file in places if "site-packages" not in file and "/torch/" not in file}
    return OwnSource(roots, frozenset(in_roots | others))


def split_frame(frame: str) -> tuple[str, str]:
    """``function (file:line)`` as function and file:line; the second is empty where the frame has another form."""
    match = _FRAME.fullmatch(frame)
    return (match["function"], match["place"]) if match else (frame, "")


def file_of(place: str) -> str:
    """``file:line`` without the line."""
    head, colon, tail = place.rpartition(":")
    return head if colon and tail.isdigit() else place
