import msgspec
import pytest

from sdprof.model import Cost, FindingStatus, FixResult
from sdprof.stages.fixes_to_try import NOTHING_OF_ITS_KIND
from sdprof.stages.verdicts import AFTER_UNSEEN, settled_findings
from tests.stages.made import finding, fix_result

CURED = finding("slow", fixes=("cure",))


@pytest.mark.parametrize(
    ("fix", "still_there", "status", "words"),
    [
        (fix_result("cure", applied=True, gain=2.0), frozenset(), "fixed", "was not seen again"),
        (fix_result("cure", applied=True, gain=2.0), None, "fixed", AFTER_UNSEEN),
        (fix_result("cure", applied=True, gain=2.0), frozenset({"slow"}), "open", "was seen again"),
        (fix_result("cure", gain=0.9), frozenset(), "hidden", "cure removes it: because of cure"),
        (fix_result("cure"), frozenset(), "declined", "cure: because of cure"),
        (fix_result("other", applied=True, gain=2.0), frozenset(), "open", "No fix for it is known here."),
    ],
)
def test_a_finding_becomes_what_its_fixes_became(
    fix: FixResult, still_there: frozenset[str] | None, status: FindingStatus, words: str
) -> None:
    (settled,) = settled_findings((CURED,), (fix,), 10.0, still_there)
    assert settled.status == status
    assert words in settled.reason


def test_a_fix_that_names_the_finding_counts_as_its_cure() -> None:
    (settled,) = settled_findings((finding("slow"),), (fix_result("late", applied=True, removes=("slow",)),), 1, None)
    assert settled.status == "fixed"
    assert settled.fixes == ("late",)


def test_the_best_gain_alone_stands_beside_the_prediction() -> None:
    predicted = finding("slow", fixes=("a", "b"), cost=Cost(predicted_ms_per_step=3.0, source="bytes"))
    fixes = (fix_result("a", gain=1.25), fix_result("b", applied=True, gain=2.0))
    (settled,) = settled_findings((predicted,), fixes, 10.0, frozenset())
    assert settled.cost == Cost(predicted_ms_per_step=3.0, obtained_ms_per_step=5.0, source="bytes")


def test_what_a_fix_of_the_plan_took_away_there_counts_before_its_gain_alone() -> None:
    fixes = (fix_result("cure", applied=True, gain=0.9), fix_result("other", gain=2.0))
    (settled,) = settled_findings((CURED,), fixes, 10.0, frozenset(), gone_ms_per_step={"cure": 1.5})
    assert settled.cost == Cost(obtained_ms_per_step=1.5, obtained_in_plan=True)


def test_a_regression_is_obtained_as_a_loss() -> None:
    (settled,) = settled_findings((CURED,), (fix_result("cure", gain=0.5),), 10.0, frozenset())
    assert settled.cost is not None
    assert settled.cost.obtained_ms_per_step == -10.0


def test_a_clean_pass_stays_one() -> None:
    passed = finding("slow", status="passed", fixes=("cure",))
    assert settled_findings((passed,), (fix_result("cure", applied=True),), 1, None) == (passed,)


def test_a_fix_that_was_left_out_has_declined_nothing() -> None:
    left_out = fix_result("late", removes=("slow",))
    (settled,) = settled_findings((finding("slow"),), (left_out,), 1, None, frozenset({"late"}))
    assert settled.status == "open"
    assert settled.reason.startswith("Not tried. late: ")


def test_of_many_rewrites_those_speak_that_looked_at_the_expression() -> None:
    others = [msgspec.structs.replace(fix_result(each), reason=NOTHING_OF_ITS_KIND) for each in ("silu", "hoist")]
    told = msgspec.structs.replace(fix_result("read-once"), reason="It happens in the first step alone.")
    slow = finding("slow", fixes=("silu", "hoist", "read-once"))
    not_tried = frozenset({"silu", "hoist", "read-once"})
    (settled,) = settled_findings((slow,), (*others, told), 1, None, not_tried)
    assert settled.reason == "Not tried. read-once: It happens in the first step alone."
    assert settled.fixes == ("read-once",)
    (settled,) = settled_findings((slow,), tuple(others), 1, None, not_tried)
    assert settled.reason == f"Not tried. silu: {NOTHING_OF_ITS_KIND}"


def test_what_fixes_gained_as_one_is_obtained_by_none_of_them() -> None:
    first = fix_result("cure", applied=True, gain=2.0)
    twin = msgspec.structs.replace(fix_result("twin", applied=True, gain=2.0), timed_with="cure")
    (settled,) = settled_findings((CURED,), (first, twin), 10.0, frozenset())
    assert settled.status == "fixed"
    assert settled.cost is None or settled.cost.obtained_ms_per_step is None
