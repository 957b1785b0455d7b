import msgspec
import pytest

from sdprof.model import AuditResult
from sdprof.renderers.headline import headline
from sdprof.renderers.html.waterfall import waterfall_rows
from tests.renderers.samples import SAMPLES, faster, parity


def compared(**changes: object) -> AuditResult:
    full = faster()
    assert full.comparison is not None
    return msgspec.structs.replace(full, comparison=msgspec.structs.replace(full.comparison, **changes))


@pytest.mark.parametrize(
    ("sample", "tone", "verdict"),
    [
        ("faster", "good", "Faster"),
        ("not_shown", "unsure", "Not shown"),
        ("no_candidate", "unsure", "Not shown"),
        ("slower", "bad", "Slower"),
        ("output_differs", "bad", "Output differs"),
        ("everything_missing", "unsure", "Not measured"),
        ("no_fixes", "unsure", "Not shown"),
    ],
)
def test_the_verdict_is_said_as_it_is(sample: str, tone: str, verdict: str) -> None:
    head = headline(SAMPLES[sample]())
    assert (head.tone, head.verdict) == (tone, verdict)


def test_a_wrong_output_outweighs_speed() -> None:
    head = headline(SAMPLES["output_differs"]())
    assert "not the same" in head.title
    assert head.same.tone == "bad"


def test_before_and_after_divide_to_the_speed_up() -> None:
    result = faster()
    head = headline(result)
    assert result.comparison is not None
    assert result.comparison.speedup is not None
    assert head.before_ms is not None
    assert head.after_ms is not None
    assert head.before_ms / head.after_ms == pytest.approx(result.comparison.speedup.median, rel=1e-6)


def test_without_a_chosen_set_there_is_no_after() -> None:
    assert headline(SAMPLES["no_candidate"]()).after_ms is None


def test_reasons_are_the_applied_fixes_by_gain() -> None:
    reasons = headline(faster()).reasons
    gains = [fix.gain_in_plan.median for fix in reasons if fix.gain_in_plan]
    assert gains == sorted(gains, reverse=True)
    assert all(fix.applied for fix in reasons)
    assert len(reasons) == len([fix for fix in faster().fixes if fix.applied])


def test_fixes_that_were_timed_as_one_are_one_reason_and_one_bar() -> None:
    full = faster()
    first = next(fix for fix in full.fixes if fix.applied and fix.gain_in_plan)
    twin = msgspec.structs.replace(first, id="its-twin", timed_with=first.id)
    bars = tuple(
        msgspec.structs.replace(bar, fix=f"its-twin + {first.id}") if bar.fix == first.id else bar
        for bar in full.waterfall
    )
    joined = msgspec.structs.replace(full, fixes=(*full.fixes, twin), waterfall=bars)
    assert headline(joined).reasons == headline(full).reasons
    [row] = [row for row in waterfall_rows(joined) if row.label.endswith(", and 1 more")]
    assert row.gain == first.gain_in_plan


def test_few_rounds_are_never_sure() -> None:
    assert headline(compared(rounds=3)).sure.word == "Too few rounds"


def test_an_output_that_is_not_reproducible_says_so() -> None:
    same = headline(compared(parity=msgspec.structs.replace(parity(), baseline_reproducible=False))).same
    assert (same.tone, same.word) == ("unsure", "Cannot tell")


def test_bit_equality_is_named() -> None:
    assert headline(compared(parity=parity(difference=0.0))).same.word == "Yes, to the bit"


def test_an_unjudged_difference_is_not_called_the_same() -> None:
    head = headline(compared(parity=msgspec.structs.replace(parity(), judged=False)))
    assert head.same.tone == "unsure"
    assert "same output" not in head.title


def test_unknown_steps_make_a_run_the_unit() -> None:
    result = faster()
    bare = msgspec.structs.replace(result, waterfall=(), target=msgspec.structs.replace(result.target, steps=None))
    head = headline(bare)
    assert head.unit == "ms per run"
    assert head.before_ms == pytest.approx(842, rel=0.05)
