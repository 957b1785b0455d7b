"""Of the ways to cure a site, those that end no graph come first, where graphs were analysed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.registry import Proposals
from sdprof.model import GraphProfile, GraphRegion, Location, SeenFrame
from sdprof.stages.unbroken_first import ENDS_GRAPH, unbroken_first, without_reads

TEXT = "a = table[i].to(x.device)\nb = float(s.item())\n"


def edit(file: Path, fix: str, start: int, end: int, text: str) -> Edit:
    return Edit(
        fix=fix,
        file=str(file),
        where=Location(file=str(file), line=1),
        replacements=(Replacement(start=start, end=end, text=text),),
        numerics="exact",
        proof="data",
        description="",
    )


def region(error: str = "") -> GraphRegion:
    return GraphRegion(name="step", function="f", grad=False, graphs=1, breaks=0, recompiles=0, error=error)


@pytest.mark.parametrize(
    ("graphs", "first"),
    [
        (GraphProfile(regions=(region(),)), "helper"),
        (GraphProfile(regions=(region(error="it failed"),)), "reads"),
        (None, "reads"),
    ],
)
def test_what_reads_a_number_waits_where_graphs_are_known(
    graphs: GraphProfile | None, first: str, tmp_path: Path
) -> None:
    file = tmp_path / "loop.py"
    file.write_text(TEXT)
    reads = edit(file, "reads", 4, 25, "torch.full((), table[i].item(), device=x.device)")
    helper = edit(file, "helper", 4, 25, "_on_device(table, x.device)[i]")
    same = edit(file, "same", 36, 44, "s_on_host.item()")  # the number was read before, too
    site = SiteEvidence(kind="H2D", op="x", stack=(SeenFrame(where=reads.where),))
    (ordered,) = unbroken_first([Proposals(site=site, edits=(reads, same, helper), declined=())], graphs, Sources())
    assert next(each.fix for each in ordered.edits if each is not same) == first
    assert ordered.edits.index(same) == (0 if first == "helper" else 1)


def test_what_reads_a_number_is_left_out_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "loop.py"
    file.write_text(TEXT)
    reads = edit(file, "reads", 4, 25, "torch.full((), table[i].item(), device=x.device)")
    other = edit(file, "other", 4, 25, "table_on_device[i]")
    site = SiteEvidence(kind="H2D", op="x", stack=(SeenFrame(where=reads.where),))
    (left,) = without_reads([Proposals(site=site, edits=(reads, other), declined=())], Sources())
    assert left.edits == (other,)
    assert [(each.fix, each.reason) for each in left.declined] == [("reads", ENDS_GRAPH)]
