import pytest
import torch

from sdprof.collectors.operator_clock import OperatorClock


class Steps:
    """Begins a step when the test says so, where a watch would when the hot module is called."""

    def on_step(self, begun):
        self.begin = lambda: begun(0)


def run(*operators_between_steps):
    """A clock after so many operators before the first step, in each step, …"""
    steps = Steps()
    clock = OperatorClock(steps)
    x = torch.zeros(2)
    with clock:
        for number, operators in enumerate(operators_between_steps):
            if number:
                steps.begin()
            for _ in range(operators):
                torch.sin(x)
    return clock


def test_every_operator_moves_the_clock():
    assert run(2, 3).now == 5


def test_a_reading_is_a_share_of_its_own_step():
    clock = run(0, 4, 8, 4)
    assert [clock.moment(at) for at in (0, 2, 4, 8, 11)] == pytest.approx([0.0, 0.5, 0.0, 0.5, 0.875])


def test_before_the_first_call_and_after_the_last_a_step_is_as_long_as_the_others():
    clock = run(2, 4, 4, 9)
    assert clock.moment(1) == pytest.approx(0.75)
    assert clock.moment(12) == pytest.approx(0.5)
    assert clock.moment(18) == 1.0


def test_a_single_step_lasts_to_the_end_of_the_run():
    assert run(0, 4).moment(1) == pytest.approx(0.25)


def test_without_a_step_there_is_no_moment():
    assert run(3).moment(1) is None
