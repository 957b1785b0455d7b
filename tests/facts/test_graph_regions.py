"""Regions are told once each, and one can tell whether gradients were always recorded."""

from sdprof.facts.graph_regions import only_with_grad, told_together
from sdprof.model import GraphRegion


def region(name: str, *, grad: bool) -> GraphRegion:
    return GraphRegion(name=name, function=name, grad=grad, graphs=1, breaks=0, recompiles=0, calls=1, sites=())


def test_each_is_told_once() -> None:
    loop = region("loop", grad=False)
    assert told_together([loop, region("loop", grad=True), loop]) == "loop, loop with grad"


def test_one_without_grad_is_enough() -> None:
    trained = region("unet", grad=True)
    assert only_with_grad(told_together([trained, region("loop", grad=True)]))
    assert not only_with_grad(told_together([trained, region("unet", grad=False)]))
    assert not only_with_grad("")
