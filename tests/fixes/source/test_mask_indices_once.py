"""Selections by a mask that no step changes: where the indices are found, other callers, and what is left alone."""

from __future__ import annotations

import copy
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from sdprof.fixes.source.inserted_helpers import HELPERS
from tests.fixes.source.workbench import Cured, cure_file, module_of, same_bits

LOOPS = Path(__file__).parent / "loops"
LOOP = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(self, x, t):
        return torch.tanh(self.mix(x)) * (1 + 0.01 * t)

{above}
def step(net, x, t, y, known=None{more}):
    x = x - 0.1 * net(x, t)
    {body}
    return x

{decorated}
def sample(net, x, y, known, steps, flag=False):
    x = x.clone()
    {before}
    for t in range(steps):
        {inside}
        x = step(net, x, t, y, known{given})
    return x

def build(device, steps):
    torch.manual_seed(0)
    net = Net().to(device).requires_grad_(False)
    x, y, known = torch.rand(3, 5, 4), torch.rand(3, 5, 4), torch.rand(3, 5, 4) > 0.5
    x, y, known = (each.to(device) for each in (x, y, known))
    return net, lambda: sample(net, x, y, known, steps)
"""
BODY = "x[known] = torch.sin(y[known])"
PLAIN = {
    "above": "",
    "decorated": "",
    "more": "",
    "body": BODY,
    "before": "pass",
    "inside": "pass",
    "given": "",
}


def cured(folder: Path, **changed: str) -> tuple[Path, Cured]:
    file = folder / "loop.py"
    file.write_text(LOOP.format(**{**PLAIN, **{k: textwrap.indent(v, "    ").strip() for k, v in changed.items()}}))
    return file, cure_file(file, 3, {"mask-indices-once"})


def text_of(file: Path, found: Cured) -> str:
    return found.composed[str(file)].text if str(file) in found.composed else file.read_text()


def _outcomes(module: ModuleType) -> list[Any]:
    torch.manual_seed(1)
    net = module.Net().requires_grad_(False)
    x, y, mask = torch.rand(3, 5, 4), torch.rand(3, 5, 4), torch.rand(3, 5, 4) > 0.3
    rows = torch.tensor([True, False, True])
    masks = [mask, ~mask, rows, mask[:, :, 0], mask & False, torch.tensor([2, 0]), torch.tensor([[1, 0]])]
    others = [None, [0, 2], 1, slice(0, 2), ..., np.array([True, False, False]), np.array([1]), mask[0], True]
    made: list[Any] = []
    for known in (*masks, *others):
        for flag in (False, True):
            for steps in (0, 2):
                try:
                    made.append(module.sample(net, x, y, known, steps, flag=flag))
                except (TypeError, IndexError, RuntimeError, AttributeError) as error:
                    made.append(type(error))
    return made


def check_other_callers(file: Path, text: str, least: int = 10) -> None:
    before, then = _outcomes(module_of(file)), _outcomes(module_of(file, text))
    assert sum(isinstance(each, torch.Tensor) for each in before) > least
    for one, other in zip(before, then, strict=True):
        assert one is other if isinstance(one, type) else same_bits(one, other)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"body": "x[~known] = torch.cos(y[~known])"},
        {"body": "x[known] += 2 * torch.sin(y[known]) ** 2"},
        {"body": "x = x + ((x[known] - y[known]) ** 2).mean()"},
        {"body": "if known is not None:\n    x[~known] = torch.cos(y[~known])"},
        {"body": "if known is not None and t > 0:\n    x[known] = torch.sin(y[known])"},
        {"body": "chosen = ~known\nx[chosen] = torch.cos(y[chosen])"},
        {"above": "@torch.no_grad()"},
        {"decorated": "@torch.inference_mode()"},
        {"body": "pass", "inside": "if t > 0:\n        x[known] = torch.sin(y[known])"},
        {"body": "pass", "inside": "for _ in range(t):\n        x[~known] = torch.sin(y[~known])"},
        {"body": "pass", "inside": "if flag: continue\n    x[known] = torch.sin(y[known])"},
        {"inside": "if flag: x = step(net, x, t, y, known=None)"},
        {"inside": "if flag: x = step(net, x, t, y, known=x > 0)"},
    ],
    ids=str,
)
def test_indices_are_found_before_the_loop_and_other_callers_get_the_same(
    tmp_path: Path, changed: dict[str, str]
) -> None:
    file, found = cured(tmp_path, **changed)
    text = text_of(file, found)
    assert found.before.late > 0
    assert found.after.late == 0
    assert found.same_bits
    assert "_indices_of" not in text
    before = text.partition("for t in range(steps)")[0].partition("def sample")[2]
    assert ".nonzero(as_tuple=True)" in before
    check_other_callers(file, text)


def test_a_parameter_is_looked_at_once_where_a_function_selects_several_times(tmp_path: Path) -> None:
    file, found = cured(tmp_path)
    text = text_of(file, found)
    assert "def step(net, x, t, y, known=None, known_indices=None):\n" in text
    assert "    known_indices = known if known_indices is None else known_indices\n" in text
    assert "    x[known_indices] = torch.sin(y[known_indices])\n" in text
    assert "        x = step(net, x, t, y, known, known_indices=known_indices)\n" in text
    asked = "if torch.is_tensor(known) and known.dtype == torch.bool:\n        known_indices = known.nonzero"
    assert f"    known_indices = known\n    {asked}(as_tuple=True)\n    for t in range(steps):\n" in text


@pytest.mark.parametrize(
    ("changed", "helped"),
    [
        ({"body": "inside = y > t\nx[inside] = torch.sin(y[inside])"}, False),
        ({"body": "known = known & (x > 0)\nx[known] = torch.sin(y[known])"}, False),
        ({"body": "known &= x > 0\nx[known] = torch.sin(y[known])"}, True),
        ({"body": "known[t] = True\nx[known] = torch.sin(y[known])"}, True),
        ({"inside": "known[t] = True"}, True),
        ({"inside": "if flag: known = x > 0.5"}, True),
        ({"inside": "seen = known[t]\n    if flag: seen.logical_not_()"}, True),
        ({"inside": "if flag: known.logical_not_()"}, True),
        ({"above": "def turn(m):\n    m.logical_not_()\n", "inside": "if flag: turn(known)"}, True),
        ({"inside": "if flag: eval('known.logical_not_()', dict(known=known))"}, True),
        ({"body": "chosen = known.clone()\nif t: chosen[0] = True\nx[chosen] = torch.sin(y[chosen])"}, False),
    ],
    ids=str,
)
def test_a_mask_that_a_step_may_change_is_not_looked_at_before_the_loop(
    tmp_path: Path, changed: dict[str, str], helped: bool
) -> None:
    file, found = cured(tmp_path, **changed)
    text = text_of(file, found)
    assert found.same_bits
    assert "nonzero" not in text.partition("def sample")[2]
    assert helped or "_indices_of" not in text
    check_other_callers(file, text)


OF_OBJECT = """
import torch
from torch import nn

class Net(nn.Module):
    def forward(self, x, t):
        return torch.tanh(x) * (1 + 0.01 * t)

class Sampler:
    def __init__(self, net, known):
        self.net = net
        self.known = known
        self.unknown = None

    def turn(self):
        {turn}

    def restore(self, x, y):
        {restore}
        return x

    def sample(self, x, y, steps, turned=False):
        x = x.clone()
        for t in range(steps):
            x = self.restore(x - 0.1 * self.net(x, t), y)
            if turned:
                self.turn()
        return x

def build(device, steps):
    torch.manual_seed(0)
    net = Net()
    x, y, known = torch.rand(3, 5), torch.rand(3, 5), torch.rand(3, 5) > 0.5
    sampler = Sampler(net, known.to(device))
    return net, lambda: sampler.sample(x.to(device), y.to(device), steps)
"""


@pytest.mark.parametrize(
    ("turn", "restore", "handed"),
    [
        ("pass", "x[self.known] = torch.sin(y[self.known])", True),
        ("pass", "if self.known is not None: x[self.known] = torch.sin(y[self.known])", True),
        ("pass", "if len(x) == 3: x[self.known] = torch.sin(y[self.known])", False),
        ("self.known = ~self.known", "x[self.known] = torch.sin(y[self.known])", False),
        ("self.known.logical_not_()", "x[self.known] = torch.sin(y[self.known])", False),
        ("setattr(self, 'known', ~self.known)", "x[self.known] = torch.sin(y[self.known])", False),
    ],
)
def test_a_mask_of_an_object(tmp_path: Path, turn: str, restore: str, handed: bool) -> None:
    file = tmp_path / "loop.py"
    file.write_text(OF_OBJECT.format(turn=turn, restore=restore))
    found = cure_file(file, 3, {"mask-indices-once"})
    text = found.composed[str(file)].text
    assert found.same_bits
    assert found.after.late == 0
    assert ("_indices_of" in text) is not handed
    assert ("self_known_indices = " in text.partition("def sample")[2]) is handed
    outputs = []
    for module in (module_of(file), module_of(file, text)):
        torch.manual_seed(2)
        x, y, mask = torch.rand(3, 5), torch.rand(3, 5), torch.rand(3, 5) > 0.4
        for known in (mask, mask[:, 0], torch.tensor([2, 0]), mask.clone()):
            for turned in (False, True):
                sampler = module.Sampler(module.Net(), known.clone())
                try:
                    outputs.append([sampler.sample(x, y, steps, turned=turned) for steps in (0, 3, 2)])
                except RuntimeError as error:
                    outputs.append(type(error))
    half = len(outputs) // 2
    assert all(map(same_bits, outputs[:half], outputs[half:]))


def test_the_reason_is_told(tmp_path: Path) -> None:
    _, found = cured(tmp_path, body="inside = y > t\nx = x + y[inside].sum()")
    assert any("t is not bound before the loop" in each for each in found.stayed), found.stayed
    _, found = cured(tmp_path, body="z = y * t\ninside = z > 0.1\nx = x + y[inside].sum()")
    assert any("It is made of z, which step computes in each step" in each for each in found.stayed), found.stayed
    _, found = cured(tmp_path, body="known = known & (x > 0)\nx[known] = torch.sin(y[known])")
    assert any("It is made of known, which step computes" in each for each in found.stayed), found.stayed


NESTED = """
import torch
from torch import nn

class Net(nn.Module):
    def forward(self, x, t):
        return torch.tanh(x) * (1 + 0.01 * t)

def turn(m):
    m.logical_not_()

def sample(net, x, y, known, steps, flag=False):
    {before}
    def step(x, t):
        x = x - 0.1 * net(x, t)
        return x + (torch.sin(x[known]) - y[known]).mean()
    {first}
    for k in range(2):
        {between}
        for t in range(steps):
            x = step(x, t)
    return x

def build(device, steps):
    torch.manual_seed(0)
    net = Net()
    x, y, known = torch.rand(3, 5, 4), torch.rand(3, 5, 4), torch.rand(3, 5, 4) > 0.5
    x, y, known = (each.to(device) for each in (x, y, known))
    return net, lambda: sample(net, x, y, known, steps)
"""


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({}, "    known_indices = known\n    if "),
        ({"between": "if flag: turn(known)"}, "        known_indices = known\n        if "),
        ({"between": "if flag: known = ~known"}, "        known_indices = known\n        if "),
        ({"between": "if flag: known.logical_not_()"}, "        known_indices = known\n        if "),
        ({"first": "x = step(x, 0)"}, "_indices_of(known)"),
    ],
)
def test_a_function_inside_and_loops_around(tmp_path: Path, changed: dict[str, str], where: str) -> None:
    file = tmp_path / "loop.py"
    file.write_text(NESTED.format(**{"before": "pass", "first": "pass", "between": "pass", **changed}))
    found = cure_file(file, 3, {"mask-indices-once"})
    text = text_of(file, found)
    assert found.same_bits
    assert where in text or ("known = ~known" in text and "_indices_of(known)" in text)
    check_other_callers(file, text)


def test_the_gradient_of_a_selection_waits_no_more() -> None:
    found = cure_file(LOOPS / "series_filled_in.py")
    assert any("backward" in site.where.code for site in found.before.sites)
    assert found.after.late == 0


@pytest.mark.parametrize(
    ("index", "written"),
    [
        ("x[:, held]", "x[:, held if held_index is None else held_index]"),
        ("x[..., held, :]", "x[..., held if held_index is None else held_index, :]"),
        ("x[1, held]", "x[1, held if held_index is None else held_index]"),
    ],
)
def test_a_mask_of_one_dimension_among_other_indices(tmp_path: Path, index: str, written: str) -> None:
    body = f"x = x + {index}.norm()"
    file, found = cured(
        tmp_path, body=body, more=", held=None", given=", held", before="held = y[0, :, 0] > 0.5", inside="pass"
    )
    text = text_of(file, found)
    assert written in text
    assert found.same_bits
    assert found.after.late == 0


@pytest.mark.parametrize(
    ("body", "inside", "found_once"),
    [
        ("rows, *rest = torch.where(known)\n    x = x + x[rows].mean()", "pass", True),
        ("x = x + y[known.nonzero()[:, 0]].mean()", "pass", True),
        ("if known is not None:\n        x = x + y[torch.argwhere(~known)[:, 0]].mean()", "pass", True),
        ("x[known.nonzero(as_tuple=True)] = torch.sin(y[known.nonzero(as_tuple=True)])", "pass", True),
        ("places = known.nonzero()\n    x = x + places.add_(1).float().mean()", "pass", False),
        ("places = (x > 0).nonzero()\n    x = x + places.float().mean()", "pass", False),
        ("x = x + y[known.nonzero()[:, 0]].mean()", "if flag: known = known & False", False),
    ],
)
def test_what_is_not_zero_is_looked_up_once(tmp_path: Path, body: str, inside: str, found_once: bool) -> None:
    file = tmp_path / "loop.py"
    file.write_text(LOOP.format(**{**PLAIN, "body": body, "inside": inside}))
    found = cure_file(file, 3, {"mask-indices-once"})
    text = text_of(file, found)
    assert found.same_bits
    assert found.before.late > 0
    assert (found.after.late == 0) is found_once
    assert (text != file.read_text()) is found_once
    check_other_callers(file, text, least=4)


def _helper() -> Any:
    space: dict[str, Any] = {}
    exec(HELPERS["_indices_of"], space)
    return space["_indices_of"]


def test_the_helper_looks_again_after_a_write_and_takes_other_indices_as_they_are() -> None:
    indices_of = _helper()
    mask = torch.tensor([[True, False], [False, True]])
    x = torch.arange(4).reshape(2, 2)
    found = indices_of(mask)
    assert indices_of(mask) is found
    assert torch.equal(x[found], x[mask])
    assert torch.equal(x[indices_of(mask, inverted=True)], x[~mask])
    assert torch.equal(x[indices_of(mask[1])], x[mask[1]])
    assert indices_of(mask) is found
    mask[0, 1] = True
    assert torch.equal(x[indices_of(mask)], x[mask])
    assert torch.equal(x[indices_of(mask[0])], x[mask[0]])
    for index in (None, 1, [0], slice(1), ..., (0, 1), torch.tensor([1]), True, np.array([True, False])):
        assert torch.equal(x[indices_of(index)], x[index])
    with torch.inference_mode():
        made_there = torch.tensor([True, False])
        assert torch.equal(x[indices_of(made_there)], x[made_there])
        kept_there = indices_of(mask[:, 0])
        assert indices_of(mask[:, 0]) is kept_there
        assert torch.equal(x[kept_there], x[mask[:, 0]])
    wanted = torch.ones(2, 2, requires_grad=True)
    wanted[indices_of(mask[:, 0])].square().sum().backward()
    assert wanted.grad is not None


def test_the_helper_knows_a_copy_by_itself() -> None:
    indices_of = _helper()
    mask = torch.tensor([True, False])
    indices_of(mask)
    other = copy.deepcopy(mask)
    weight = torch.nn.Parameter(mask, requires_grad=False)
    assert indices_of(weight)[0] is weight
    other.data = torch.tensor([False, True])
    assert torch.equal(indices_of(other)[0], other.nonzero(as_tuple=True)[0])
