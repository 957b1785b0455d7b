import msgspec

from sdprof.model import Cost, Finding, FixResult, Interval
from sdprof.renderers.finding_groups import cost_in_words, gain_is_shown

SLOW = Finding(
    id="slow",
    title="slow",
    severity="high",
    status="fixed",
    cost=Cost(predicted_ms_per_step=4.0, obtained_ms_per_step=12.5),
    fixes=("quick", "quicker"),
)


def fix(id: str, median: float, low: float, timed_with: str = "") -> FixResult:
    return FixResult(
        id=id,
        title=id,
        kind="runtime",
        numerics="exact",
        applied=True,
        reason="",
        gain=Interval(median=median, low=low, high=2 * median - low),
        timed_with=timed_with,
    )


def test_a_gain_whose_interval_holds_none_is_called_noise() -> None:
    shown, noise = fix("quick", 1.2, 1.05), fix("quick", 1.2, 0.95)
    assert cost_in_words(SLOW, [shown]) == "12.5 ms per step by its fix alone"
    assert cost_in_words(SLOW, [noise]) == "12.5 ms per step by its fix alone, within the noise"


def test_the_fix_that_gained_most_alone_is_the_one_that_counts() -> None:
    assert not gain_is_shown(SLOW, [fix("quick", 1.1, 1.05), fix("quicker", 1.3, 0.9)])
    assert gain_is_shown(SLOW, [fix("quick", 1.1, 1.05), fix("quicker", 1.3, 0.9, timed_with="other")])
    assert not gain_is_shown(SLOW, [fix("another", 1.1, 1.05)])


def test_what_was_gained_in_the_plan_is_judged_by_the_gain_there() -> None:
    in_plan = msgspec.structs.replace(SLOW, cost=Cost(obtained_ms_per_step=12.5, obtained_in_plan=True))
    alone_it_loses = fix("quick", 0.9, 0.8)
    gain = Interval(median=1.2, low=1.1, high=1.3)
    applied = msgspec.structs.replace(alone_it_loses, gain_in_plan=gain)
    assert cost_in_words(in_plan, [applied]) == "12.5 ms per step by its fix in the plan"
    assert cost_in_words(in_plan, [alone_it_loses]) == "12.5 ms per step by its fix in the plan, within the noise"


def test_what_nobody_measured_is_as_predicted_or_silent() -> None:
    predicted = msgspec.structs.replace(SLOW, cost=Cost(predicted_ms_per_step=4.0), status="open")
    assert cost_in_words(predicted, ()) == "4 ms per step predicted"
    assert cost_in_words(msgspec.structs.replace(SLOW, cost=None), ()) == ""
    assert cost_in_words(msgspec.structs.replace(SLOW, status="hidden"), ()) == "no gain shown"
