"""What the name of a copy event says: which way, and between what kinds of memory."""

from __future__ import annotations

import re
from typing import NamedTuple

_COPY_NAME = re.compile(r"Memcpy (?P<ways>\w+?) ?\((?P<source>[\w ]+?) -> (?P<destination>[\w ]+?)\)")
_DIRECTIONS = {"HtoD": "H2D", "DtoH": "D2H", "DtoD": "D2D", "PtoP": "P2P", "HtoH": "H2H", "HtoA": "H2D", "AtoH": "D2H"}


class CopyWay(NamedTuple):
    """Direction and memories of a copy."""

    direction: str
    """H2D, D2H, D2D or P2P; the trace's own word where it is another."""
    source: str
    """Pageable, Pinned, Device, Host (ROCm does not tell pageable from pinned), Peer, …; empty where it is not said."""
    destination: str

    @property
    def crosses_the_bus(self) -> bool:
        """Between host and device."""
        return self.direction in ("H2D", "D2H")

    @property
    def pinned(self) -> bool | None:
        """Whether the host's side is page-locked; None where the trace does not tell."""
        host = self.source if self.direction == "H2D" else self.destination
        return {"Pinned": True, "Pageable": False}.get(host)


def copy_way(name: str) -> CopyWay:
    """Read a name like ``Memcpy DtoH (Device -> Pageable)``."""
    found = _COPY_NAME.match(name)
    if found is None:
        return CopyWay(name, "", "")
    return CopyWay(_DIRECTIONS.get(found["ways"], found["ways"]), found["source"], found["destination"])
