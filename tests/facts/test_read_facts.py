"""What the collectors of one variant left, put together."""

from pathlib import Path

import msgspec

from sdprof.facts.read_facts import read_facts
from sdprof.model import GraphProfile, GraphRegion, TraceFile


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


def test_a_trace_that_cannot_be_read_costs_no_other_fact(tmp_path: Path) -> None:
    left(tmp_path, "graphs.json", ("unet", False))
    trace = TraceFile(
        file="loop.pt.trace.json.gz",
        bytes=7,
        steps=4,
        first_step=0,
        whole_run=True,
        with_shapes=True,
        with_memory=True,
        with_stacks=True,
        with_cuda=False,
    )
    (tmp_path / "trace.json").write_bytes(msgspec.json.encode(trace))
    (tmp_path / trace.file).write_bytes(b"no gzip")
    facts = read_facts(tmp_path)
    assert facts.graphs is not None
    assert facts.trace is None
    (gap,) = facts.gaps
    assert gap.section == "Recorded trace"
    assert "loop.pt.trace.json.gz is not JSON" in gap.reason
