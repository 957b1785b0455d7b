"""One copy or wait, with what the stack showed at that moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sdprof.collectors.host_origins import HostOrigin
from sdprof.collectors.loop_watch import Sight


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
    origin: HostOrigin | None = None
    """What made the tensor that went to the device, in the same step of the loop; None where it was there before."""
