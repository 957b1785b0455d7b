"""A patch whose rewrites break a graph is proven anew without the fix that did it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sdprof import pipeline
from sdprof.facts.added_breaks import AddedBreak
from sdprof.facts.facts import Facts
from sdprof.fixes.source.edit import Edit
from sdprof.model import GraphProfile, GraphRegion, GraphSite, Location, Patch
from sdprof.run_folder import Manifest, RunFolder
from sdprof.stages.diagnose import Diagnosed
from sdprof.stages.offer import Offer, PatchMaker
from sdprof.stages.rewrite import Rewritten
from sdprof.stages.rewrites import Rewrites


def graphs(*lines: int) -> GraphProfile:
    sites = tuple(
        GraphSite(kind="break", where=Location(file="/home/loop.py", line=line), reason="print", count=1)
        for line in lines
    )
    region = GraphRegion(name="step", function="f", grad=False, graphs=1, breaks=len(lines), recompiles=0, sites=sites)
    return GraphProfile(regions=(region,))


def edit(fix: str, line: int, file: str = "/home/loop.py") -> Edit:
    where = Location(file=file, line=line)
    return Edit(fix=fix, file=file, where=where, replacements=(), numerics="exact", proof="data", description="")


def maker(folder: Path, *edits: Edit) -> PatchMaker:
    made = RunFolder.create(folder / "out", Manifest(sdprof_version="", created="", request={}))
    nothing: Any = None
    return PatchMaker(
        rewritten=Rewritten(rewrites=Rewrites(edits=edits)),
        measured=nothing,
        metas={},
        rewriter=nothing,
        starter=nothing,
        folder=made,
        precision=None,
    )


EDITS = (edit("one", 3), edit("two", 7), edit("other", 5, "/home/net.py"))


@pytest.mark.parametrize(
    ("file", "line", "culprit"),
    [
        ("/home/loop.py", 8, "two"),
        ("/home/loop.py", 5, "one"),
        ("/home/net.py", 1, "other"),
        ("/home/x.py", 1, "other"),
    ],
)
def test_the_nearest_rewrite_above_is_to_blame(tmp_path: Path, file: str, line: int, culprit: str) -> None:
    added = AddedBreak(Location(file=file, line=line), "a graph break")
    assert maker(tmp_path, *EDITS).to_blame(("one", "two", "other"), added) == culprit


def test_what_breaks_a_graph_is_rolled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = maker(tmp_path, *EDITS)
    monkeypatch.setattr(PatchMaker, "worth_offering", lambda *_: (("one", "two", "other"), {"slow": "Not offered."}))

    def proven(maker: PatchMaker, fixes: tuple[str, ...], reasons: dict[str, str], *_: object) -> tuple[Offer, tuple]:
        maker.folder.write("patch.diff", " ".join(fixes).encode())
        patch = Patch(fixes=fixes, files=(), text="", numerics="exact", proof=None, note="")
        return Offer(patch=patch, reasons=dict(reasons)), ()

    def diagnosed(_folder: RunFolder, variant: str, **_: object) -> Diagnosed:
        return Diagnosed(Facts(graphs=graphs(8) if "two" in variant else graphs()), (), ())

    monkeypatch.setattr(pipeline, "_proven", proven)
    monkeypatch.setattr(pipeline, "diagnose", diagnosed)
    before = SimpleNamespace(facts=Facts(graphs=graphs()))
    offered, patched, _ = pipeline._offered(made, "cpu", None, None, None, before)  # type: ignore[arg-type]
    assert offered.fixes == ("one", "other")
    assert (
        offered.reasons["two"] == "Rolled back: with it there is a graph break in step that was not there before: print"
    )
    assert offered.reasons["slow"] == "Not offered."
    assert patched is not None
    assert made.folder.read("patch.diff") == b"one other"
