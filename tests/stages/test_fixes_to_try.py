import msgspec
import pytest

from sdprof.fixes.registry import all_fixes
from sdprof.stages.fixes_to_try import fixes_to_try
from tests.stages.made import REQUEST, finding

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
