"""What the collectors of one variant left, put together."""

from pathlib import Path

import msgspec

from sdprof.facts.read_facts import read_facts
from sdprof.model import GraphProfile, GraphRegion


def left(folder: Path, name: str, *regions: tuple[str, bool], skipped: tuple[str, ...] = ()) -> None:
    profile = GraphProfile(
        regions=tuple(
            GraphRegion(name=region, function="", grad=grad, graphs=1, breaks=0, recompiles=0)
            for region, grad in regions
        ),
        skipped=skipped,
    )
    (folder / name).write_bytes(msgspec.json.encode(profile))


def test_regions_with_grad_stand_beside_those_without(tmp_path: Path) -> None:
    left(tmp_path, "graphs.json", ("unet", False), ("whole loop", False), skipped=("no time",))
    left(tmp_path, "graphs-with-grad.json", ("unet", True), ("whole loop", True), skipped=("no time", "a generator"))
    graphs = read_facts(tmp_path).graphs
    assert graphs is not None
    assert [(region.name, region.grad) for region in graphs.regions] == [
        ("unet", False),
        ("unet", True),
        ("whole loop", False),
        ("whole loop", True),
    ]
    assert graphs.skipped == ("no time", "a generator")


def test_what_comes_with_grad_tells_nothing_of_a_loop_that_samples(tmp_path: Path) -> None:
    left(tmp_path, "graphs-with-grad.json", ("unet", True))
    assert read_facts(tmp_path).graphs is None
    left(tmp_path, "graphs.json", ("unet", False))
    graphs = read_facts(tmp_path).graphs
    assert graphs is not None
    assert len(graphs.regions) == 2
