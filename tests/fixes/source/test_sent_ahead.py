"""What is sent ahead are the numbers of plain draws, whoever else draws, and the generator ends where they leave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sdprof.device import Recorder, simulate, to_host
from sdprof.fixes.source.inserted_helpers import HELPERS

Sent = Callable[..., torch.Tensor]
SHAPES = st.sampled_from([(3,), (4, 5), (2, 3, 4, 4), (0, 2)])
DRAWS = st.sampled_from(
    ["sent", "sent", "sent", "with another dtype", "plainly", "on the device", "seeded anew", "put back"]
)


@pytest.fixture
def space() -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(HELPERS["_sent_ahead"], space)
    return space


def drawn(sent: Sent, what: list[tuple[str, tuple[int, ...]]], *, own: bool) -> list[torch.Tensor]:
    """A sequence of draws; then what the generator would draw next."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1) if own else None
    standing = generator or torch.default_generator
    state, results = standing.get_state(), list[torch.Tensor]()
    for how, shape in what:
        if how == "sent":
            results.append(to_host(sent(torch.randn, shape, generator=generator, to=("cuda",)).mul_(2)))
        elif how == "with another dtype":
            results.append(to_host(sent(torch.rand, *shape, generator=generator, to=("cuda", torch.float64))))
        elif how == "plainly":
            results.append(torch.randn(shape, generator=generator))
        elif how == "on the device":
            results.append(to_host(torch.randn(shape, device="cuda")))
        elif how == "seeded anew":
            standing.manual_seed(2)
        else:
            standing.set_state(state)
    return [*results, torch.randn(5, generator=generator)]


@given(st.lists(st.tuples(DRAWS, SHAPES), max_size=30), st.booleans())
def test_the_numbers_are_those_of_plain_draws(what: list[tuple[str, tuple[int, ...]]], own: bool) -> None:
    space: dict[str, Any] = {}
    exec(HELPERS["_sent_ahead"], space)

    def plain(draw: Any, *args: Any, to: tuple[Any, ...], **kwargs: Any) -> torch.Tensor:
        made: torch.Tensor = draw(*args, **kwargs).to(*to)
        return made

    with simulate():
        expected, found = drawn(plain, what, own=own), drawn(space["_sent_ahead"], what, own=own)
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


def test_fifty_steps_take_two_copies(space: dict[str, Any]) -> None:
    recorder = Recorder()
    with simulate(recorder):
        generator = torch.Generator().manual_seed(0)
        for _ in range(50):
            space["_sent_ahead"](torch.randn, (2, 4, 8, 8), generator=generator, to=("cuda",))
    assert sum(event.kind == "H2D" for event in recorder.events) == 2


def test_where_others_draw_in_between_nothing_more_is_drawn_ahead(space: dict[str, Any]) -> None:
    made = list[torch.Tensor]()

    def randn(*args: Any, **kwargs: Any) -> torch.Tensor:
        made.append(torch.randn(*args, **kwargs))
        return made[-1]

    with simulate():
        for _ in range(10):
            space["_sent_ahead"](randn, (4,), to=("cuda",))
            torch.randn(2)
    assert len(made) == 16 + 9


def test_on_the_host_it_only_draws(space: dict[str, Any]) -> None:
    torch.manual_seed(0)
    found = space["_sent_ahead"](torch.randn, 3, to=("cpu", torch.float64))
    torch.manual_seed(0)
    assert torch.equal(found, torch.randn(3).double())
    assert not space["_SENT_AHEAD"]


def test_a_draw_may_be_written_to_where_gradients_are_recorded(space: dict[str, Any]) -> None:
    with simulate():
        x = torch.ones(3, device="cuda", requires_grad=True)
        first = space["_sent_ahead"](torch.randn, 3, to=("cuda",))
        loss = (first * x).sum()
        space["_sent_ahead"](torch.randn, 3, to=("cuda",)).mul_(2)
        loss.backward()
        assert torch.equal(to_host(x.grad), to_host(first))
