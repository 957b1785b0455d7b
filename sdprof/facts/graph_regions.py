"""What a finding calls the regions in which TorchDynamo met it."""

from __future__ import annotations

from collections.abc import Iterable

from sdprof.model import GraphRegion

WITH_GRAD = " with grad"


def told(region: GraphRegion) -> str:
    """A region's name, and whether gradients were recorded in it."""
    return f"{region.name}{WITH_GRAD if region.grad else ''}"


def told_together(regions: Iterable[GraphRegion]) -> str:
    """All of them in the order met, each once."""
    return ", ".join(dict.fromkeys(told(region) for region in regions))


def only_with_grad(regions: str) -> bool:
    """Whether what ``told_together`` called so leaves out every region without grad."""
    return bool(regions) and all(name.endswith(WITH_GRAD) for name in regions.split(", "))
