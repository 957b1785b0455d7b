import pytest

from sdprof.stages import own_time
from sdprof.stages.own_time import TimeSheet


def test_charges_to_one_stage_add_up_in_the_order_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 12.5, 20.0, 20.5])
    monkeypatch.setattr(own_time.time, "perf_counter", lambda: next(now))
    times = TimeSheet()
    with times.spent_on("rounds", overhead=False):
        pass
    times.add("rendering", 1.0, overhead=True)
    with times.spent_on("rounds", overhead=False):
        pass
    assert [(entry.stage, entry.seconds, entry.overhead) for entry in times.entries()] == [
        ("rounds", 3.0, False),
        ("rendering", 1.0, True),
    ]


def test_time_that_ended_in_an_error_is_charged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([1.0, 4.0])
    monkeypatch.setattr(own_time.time, "perf_counter", lambda: next(now))
    times = TimeSheet()
    with pytest.raises(ZeroDivisionError), times.spent_on("rounds", overhead=False):
        raise ZeroDivisionError
    assert times.entries()[0].seconds == 3.0


def test_what_ran_beside_each_other_is_charged_in_proportion_to_the_time_that_passed() -> None:
    sheets = [TimeSheet(), TimeSheet()]
    sheets[0].add("starting", 2.0, overhead=True)
    sheets[1].add("starting", 1.0, overhead=True)
    sheets[1].add("warming up", 5.0, overhead=False)
    times = TimeSheet()
    times.spread(4.0, sheets)
    assert {entry.stage: entry.seconds for entry in times.entries()} == {"starting": 1.5, "warming up": 2.5}
    times.spread(4.0, [])
    assert sum(entry.seconds for entry in times.entries()) == 4.0
