"""One copy or wait, with what the stack showed at that moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sdprof.collectors.host_origins import HostOrigin
from sdprof.collectors.loop_watch import LoopWatch, Sight
from sdprof.model import SeenFrame

SiteKey = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class SeenTransfer:
    """An event of the simulated device or of CUDA."""

    kind: Literal["H2D", "D2H", "SYNC"]
    operator: str
    bytes: int
    sight: Sight
    pinned: bool = False
    non_blocking: bool = False
    same_content: bool | None = None
    """The same bytes as at the last visit of this expression; None where that is not known."""
    stack: tuple[SeenFrame, ...] = ()
    """At the first visit of its site."""
    dtype: str = ""
    shape: tuple[int, ...] | None = None
    at: int = 0
    """Reading of the operator clock."""
    origin: HostOrigin | None = None
    """What made the tensor that went to the device, in the same step of the loop; None where it was there before."""


def site_of(kind: str, operator: str, sight: Sight) -> SiteKey:
    """What makes two events visits of one site: the same expression on the same way through libraries, in the loop or
    beside it.
    """
    return (kind, operator, sight.where, sight.library, sight.in_loop)


class FirstVisits:
    """Looks closely at the first visit of each site."""

    def __init__(self, watch: LoopWatch) -> None:
        self._watch = watch
        self._seen: set[SiteKey] = set()

    def stack(self, kind: str, operator: str, sight: Sight) -> tuple[SeenFrame, ...]:
        """The stack, where this site was not visited before; else nothing."""
        site = site_of(kind, operator, sight)
        if site in self._seen:
            return ()
        self._seen.add(site)
        return self._watch.stack()
