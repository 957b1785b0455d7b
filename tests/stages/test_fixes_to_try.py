import msgspec
import pytest

from sdprof.fixes.registry import all_fixes
from sdprof.fixes.source.edit import Edit
from sdprof.model import FixMeta, FixRewrites, Location, Numerics, RewrittenSite
from sdprof.stages.fixes_to_try import fixes_to_try, with_edits
from sdprof.stages.rewrite import Rewritten
from sdprof.stages.rewrites import Rewrites
from tests.stages.made import REQUEST, finding, fix

ATTENTION = (finding("naive-attention", fixes=("sdpa", "sdpa-flash")),)


def split(device: str = "cpu", **given: object) -> tuple[set[str], dict[str, str]]:
    tried, left_out = fixes_to_try(msgspec.structs.replace(REQUEST, **given), ATTENTION, device)
    return {fix.id for fix in tried}, {fix.id: fix.reason for fix in left_out}


def test_every_fix_is_tried_or_has_its_reason() -> None:
    tried, reasons = split()
    assert tried | reasons.keys() == {fix.id for fix in all_fixes()}
    assert not tried & reasons.keys()
    assert all(reasons.values())


def test_what_was_found_decides() -> None:
    tried, reasons = split(budget_seconds=600.0)
    assert {"sdpa", "sdpa-flash"} <= tried
    assert "Nothing that it removes was found" in reasons["channels-last"]


def test_a_clean_pass_asks_for_no_fix() -> None:
    passed = (finding("naive-attention", status="passed", fixes=("sdpa",)),)
    tried, _ = fixes_to_try(REQUEST, passed, "cpu")
    assert "sdpa" not in {fix.id for fix in tried}


@pytest.mark.parametrize(
    ("given", "fix", "words"),
    [
        ({"only_fixes": ("sdpa",)}, "sdpa-flash", "Left out by --fix."),
        ({"without_fixes": ("sdpa",)}, "sdpa", "Left out by --without-fix."),
        ({"quick": True}, "compile", "Left out by --quick"),
        ({"budget_seconds": 599.0}, "sdpa-flash", "--budget 600 or more tries it"),
        ({}, "tf32", "It acts on cuda; this audit ran on cpu."),
    ],
)
def test_the_order_of_the_user_is_the_reason(given: dict[str, object], fix: str, words: str) -> None:
    tried, reasons = split(**given)
    assert fix not in tried
    assert words in reasons[fix]


def test_a_fix_that_costs_much_is_tried_where_it_is_named() -> None:
    tried, _ = split(budget_seconds=10.0, only_fixes=("sdpa-flash",))
    assert tried == {"sdpa-flash"}


def test_no_fix_takes_long_to_tell_on_a_gpu() -> None:
    _, reasons = split("cuda", budget_seconds=10.0)
    assert not [reason for reason in reasons.values() if "--budget" in reason]


PLACE = Location(file="/home/me/loop.py", line=3)
REWRITE = fix("by-rewrite", kind="source", group="checkpoint", removes=("checkpoint-in-inference",))
RUNTIME = fix("at-run-time", group="checkpoint", removes=("checkpoint-in-inference",))


def rewritten(*, numerics: Numerics = "exact", declined: str = "") -> Rewritten:
    edit = Edit(
        fix=REWRITE.id, file=PLACE.file, where=PLACE, replacements=(), numerics=numerics, proof="data", description=""
    )
    sites = (RewrittenSite(fix=REWRITE.id, where=PLACE, declined=declined),)
    return Rewritten(rewrites=Rewrites(edits=(edit,)), by_fix={REWRITE.id: FixRewrites(sites=sites)})


def test_what_a_rewrite_does_to_the_bit_is_not_tried_at_run_time_as_well() -> None:
    able, unable = with_edits((RUNTIME, REWRITE), rewritten())
    assert [each.id for each in able] == [REWRITE.id]
    assert [(each.id, each.reason) for each in unable] == [
        (RUNTIME.id, "by-rewrite does the same to the source, and both keep every bit.")
    ]


@pytest.mark.parametrize(
    ("rewrites", "other", "asked_for"),
    [
        (rewritten(declined="a site of another kind"), RUNTIME, ()),
        (rewritten(numerics="rounding"), RUNTIME, ()),
        (rewritten(), msgspec.structs.replace(RUNTIME, removes=("checkpoint-in-inference", "more")), ()),
        (rewritten(), msgspec.structs.replace(RUNTIME, group=None), ()),
        (rewritten(), RUNTIME, (RUNTIME.id,)),
    ],
)
def test_where_they_may_differ_or_it_was_asked_for_both_are_tried(
    rewrites: Rewritten, other: FixMeta, asked_for: tuple[str, ...]
) -> None:
    able, unable = with_edits((other, REWRITE), rewrites, asked_for)
    assert [each.id for each in able] == [RUNTIME.id, REWRITE.id]
    assert not unable


def test_a_source_fix_without_an_edit_says_why() -> None:
    seen = (RewrittenSite(fix=REWRITE.id, where=PLACE, declined="the value is used again"),)
    told = Rewritten(by_fix={REWRITE.id: FixRewrites(sites=seen)})
    reasons = [with_edits((REWRITE,), each)[1][0].reason for each in (told, Rewritten())]
    assert reasons[0] == "Declined: the value is used again."
    assert "was seen in the loop" in reasons[1]
