"""Frames that torch.compile compiled more than once, as the names of compiled regions tell."""

from __future__ import annotations

from sdprof.facts.trace.compiled_regions import CompiledRegion
from sdprof.model import GraphProfile, GraphRegion, GraphSite, Location

UNKNOWN = Location(file="", line=0)


def recompiled_frames(regions: tuple[CompiledRegion, ...]) -> GraphProfile | None:
    """Compiled frames with the versions that ran; None where the trace numbers no compiled region.

    A trace tells neither the guard that failed nor the frame's line, and nothing of graph breaks.
    """
    versions: dict[int, list[CompiledRegion]] = {}
    for region in regions:
        if region.frame is not None and region.version is not None:
            versions.setdefault(region.frame, []).append(region)
    if not versions:
        return None
    return GraphProfile(regions=tuple(_frame(frame, ran) for frame, ran in versions.items()))


def _frame(frame: int, ran: list[CompiledRegion]) -> GraphRegion:
    latest = max(region.version or 0 for region in ran)
    site = GraphSite(
        kind="recompile",
        where=UNKNOWN,
        reason=f"version {latest} of frame {frame} ran; record TORCH_LOGS=recompiles to see the guard",
        count=latest,
        seen_by=("trace",),
    )
    return GraphRegion(
        name=f"frame {frame}",
        function="",
        grad=False,
        graphs=len(ran),
        breaks=0,
        recompiles=latest,
        calls=sum(region.calls for region in ran),
        sites=(site,) if latest else (),
    )
