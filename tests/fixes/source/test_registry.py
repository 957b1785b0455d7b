"""The rewrites declare themselves soundly."""

from __future__ import annotations

from pathlib import Path

import pytest

import sdprof.fixes.source
from sdprof.audits.registry import all_audits
from sdprof.fixes.registry import all_fixes
from sdprof.fixes.source import silu
from sdprof.fixes.source.registry import NOT_REWRITES, all_rewrites, propose, rewrite_module
from tests.fixes.source.by_hand import site_at


def test_every_rewrite_is_listed_with_the_other_fixes() -> None:
    folder = Path(sdprof.fixes.source.__file__).parent
    files = {file.stem for file in folder.glob("*.py")} - NOT_REWRITES - {"__init__"}
    metas = all_rewrites()
    assert {meta.id.replace("-", "_") for meta in metas} == files
    assert set(metas) <= set(all_fixes())
    assert all(meta.kind == "source" for meta in metas)


def test_rewrites_cure_audits_that_there_are() -> None:
    audits = {audit.meta.id for audit in all_audits()}
    for meta in all_rewrites():
        assert set(meta.removes) <= audits, meta.id
        assert callable(rewrite_module(meta.id).rewrite)
        assert callable(rewrite_module(meta.id).concerns)


def test_a_rewrite_that_fails_ends_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object) -> None:
        raise AttributeError("no such thing")

    site, sources = site_at("y = x * torch.sigmoid(x)\n", "x * torch.sigmoid(x)", op="aten::mul")
    monkeypatch.setattr(silu, "concerns", lambda _site: True)
    monkeypatch.setattr(silu, "rewrite", fail)
    proposals = propose(site, sources, {"silu"})
    assert not proposals.edits
    assert [each.reason for each in proposals.declined] == [
        "The rewrite itself failed here (AttributeError: no such thing): that is a fault of sdprof"
    ]
