"""What the helper for tensors keeps, and when it makes anew: whatever the content, by identity and count of writes."""

from __future__ import annotations

import copy
import gc
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

from sdprof.fixes.source.inserted_helpers import HELPERS


@pytest.fixture
def space() -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(HELPERS["_made_once"], space)
    return space


@pytest.fixture
def made_once(space: dict[str, Any]) -> Callable[..., torch.Tensor]:
    return space["_made_once"]


@pytest.fixture
def joined(made_once: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda one, two, dim=0: made_once(torch.cat, [one, two], dim)


ONE, TWO = torch.zeros(2, 3), torch.ones(2, 3)


def test_the_same_tensors_give_the_same_result(joined) -> None:
    one, two = ONE.clone(), TWO.clone()
    kept = joined(one, two)
    assert joined(one, two) is kept
    assert torch.equal(kept, torch.cat([one, two]))


def test_other_tensors_of_the_same_content_are_others(joined) -> None:
    one, two = ONE.clone(), TWO.clone()
    kept = joined(one, two)
    assert joined(one.clone(), two) is not kept
    assert joined(one, two) is kept
    assert joined(two, one) is not kept
    assert joined(one, two, 1).shape == (2, 6)


@pytest.mark.parametrize(
    "write",
    [
        lambda one: one.add_(1),
        lambda one: one[0].mul_(2).add_(3),
        lambda one: one.view(-1).__setitem__(0, 5),
        lambda one: one.detach().add_(1),
        lambda one: torch.add(one, 1, out=one),
        lambda one: one.resize_(1, 3).fill_(2),
    ],
)
def test_what_was_written_to_is_made_anew(joined, write) -> None:
    one, two = ONE.clone(), TWO.clone()
    joined(one, two)
    write(one)
    assert torch.equal(joined(one, two), torch.cat([one, two]))


def test_a_result_that_was_written_to_is_not_handed_out_again(joined) -> None:
    one, two = ONE.clone(), TWO.clone()
    joined(one, two).mul_(0)
    assert torch.equal(joined(one, two), torch.cat([one, two]))


def test_parts_are_known_by_the_memory_that_they_are_of(joined) -> None:
    both = torch.arange(12.0).view(4, 3)
    kept = joined(*both.chunk(2))
    assert joined(*both.chunk(2)) is kept
    assert torch.equal(joined(both[1:3], both[2:4]), torch.cat([both[1:3], both[2:4]]))
    assert torch.equal(joined(both.t()[:, :2], both.t()[:, 2:]), torch.cat([both.t()[:, :2], both.t()[:, 2:]]))
    both[0] = 9
    assert torch.equal(joined(*both.chunk(2)), both)


def test_lists_are_looked_into(made_once) -> None:
    parts, others = [ONE.clone(), TWO.clone()], [ONE.clone()]

    def made() -> torch.Tensor:
        return made_once(lambda one, two: torch.cat([torch.cat(one), torch.cat(two).flip(0)]), parts, others)

    kept = made()
    assert made() is kept
    others.append(parts.pop())
    assert torch.equal(made(), torch.cat([torch.cat(parts), torch.cat(others).flip(0)]))
    others[0] = TWO.clone()
    assert torch.equal(made(), torch.cat([torch.cat(parts), torch.cat(others).flip(0)]))
    others.append("x")
    with pytest.raises(TypeError):
        made()


@pytest.mark.parametrize(("first", "second"), [(1, 1.0), (0.0, -0.0), (True, 1), (torch.float16, torch.bfloat16)])
def test_numbers_that_only_compare_equal_are_others(made_once, first, second) -> None:
    one = ONE.clone()
    results = [made_once(lambda one, _: one + 1, one, value) for value in (first, second, first)]
    assert results[0] is results[2]
    assert results[0] is not results[1]


def test_each_expression_keeps_its_own(made_once) -> None:
    one = ONE.clone()
    assert made_once(lambda one: one + 1, one) is not made_once(lambda one: one + 1, one)
    assert made_once(torch.Tensor.half, one) is made_once(torch.Tensor.half, one)
    assert made_once(torch.Tensor.half, one) is not made_once(torch.Tensor.float, one.double())
    assert made_once(torch.stack, [one, one], dim=1) is not made_once(torch.stack, [one, one], 1)


def test_modes_that_count_no_writes_or_want_gradients_make_anew(joined) -> None:
    with torch.inference_mode():
        one, two = ONE.clone(), TWO.clone()
        assert joined(one, two) is not joined(one, two)
    outside = ONE.clone()
    with torch.inference_mode():
        assert joined(outside, outside) is not joined(outside, outside)
    wanted = ONE.clone().requires_grad_()
    joined(wanted, TWO).sum().backward()
    joined(wanted, TWO).sum().backward()
    assert torch.equal(wanted.grad, torch.full((2, 3), 2.0))
    weight = torch.nn.Parameter(ONE.clone(), requires_grad=False)
    joined(weight, weight)
    weight.data = TWO.clone()
    assert torch.equal(joined(weight, weight), torch.cat([TWO, TWO]))


def test_what_is_handed_back_as_it_is_is_not_kept(made_once, space) -> None:
    one = ONE.clone()
    assert made_once(torch.Tensor.float, one) is one
    assert made_once(torch.select, one, 0, 0).data_ptr() == one.data_ptr()
    assert not space["_MADE_ONCE"]


def test_nothing_outlives_what_it_was_made_of(joined, space) -> None:
    one, two = ONE.clone(), TWO.clone()
    joined(one, two)
    joined(one, one)
    assert len(space["_MADE_ONCE"]) == 2
    del one
    gc.collect()
    assert not space["_MADE_ONCE"]


def test_no_more_than_some_are_kept(made_once, space) -> None:
    one = ONE.clone()
    for number in range(500):
        made_once(torch.add, one, number)
    assert len(space["_MADE_ONCE"]) <= 64


def test_tensors_can_still_be_saved_and_copied(joined) -> None:
    one, two = ONE.clone(), TWO.clone()
    joined(one, two)
    torch.save(one, io.BytesIO())
    copy.deepcopy(one)


def test_compiled_code_has_it_inlined(joined, made_once) -> None:
    def twice(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        more = made_once(torch.Tensor.repeat, two, one.shape[0], 1)
        return joined(one, two) * 2 + made_once(lambda more: more.double().contiguous(), more)

    compiled = torch.compile(twice, backend="eager", fullgraph=True)
    one, two = ONE.clone(), TWO.clone()
    for _ in range(3):
        one.add_(1)
        assert torch.equal(compiled(one, two), twice(one, two))
