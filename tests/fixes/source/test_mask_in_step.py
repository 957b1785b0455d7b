"""A mask that a step computes and selects by several times: asked once in the step, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixes.source.workbench import cure_file

LOOP = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(self, x, t):
        return torch.tanh(self.mix(x)) * (1 + 0.01 * t)


@torch.no_grad()
def sample(net, x, steps):
    for t in range(steps):
        noise = net(x, t)
        {made}
        {first}
        {second}
        x = x - 0.1 * noise
    return x


def build(device, steps):
    torch.manual_seed(0)
    net = Net().to(device)
    x = torch.rand(2, 6, 4).to(device)
    return net, lambda: sample(net, x, steps)
"""
MADE = "keep = noise.mean(dim=(0, 2)) > 0.1"
HALF = """noise[0, 1:, 0] > 0.1
        none = torch.zeros(1, dtype=torch.bool, device=x.device)
        keep = torch.hstack((first, none))"""
SELECTS = ("x, noise = x[:, keep], noise[:, keep, :]", "noise = torch.cat([noise, noise[:, :0]], 1)")


def cured(folder: Path, made: str, first: str, second: str) -> tuple[int, int, str]:
    """(events in the steps before, and after; the rewritten text)"""
    file = folder / "loop.py"
    file.write_text(LOOP.format(made=made, first=first, second=second))
    found = cure_file(file)
    assert found.same_bits
    return found.before.late, found.after.late, "".join(each.text for each in found.composed.values())


def test_boxes_that_stay_are_counted_once_in_each_step(tmp_path: Path) -> None:
    before, after, text = cured(tmp_path, MADE, *SELECTS)
    assert before == 2 * after > 0
    assert f"        {MADE}\n        keep_indices = keep.nonzero(as_tuple=True)\n" in text
    assert "x[(slice(None), *keep_indices)], noise[(slice(None), *keep_indices, slice(None))]" in text


def test_what_is_selected_and_written_back_shares_the_indices(tmp_path: Path) -> None:
    rows = "rows = torch.sort(noise[noise > 0.1])[0]"
    before, after, text = cured(
        tmp_path, "high = noise > 0.1", "rows = torch.sort(noise[high])[0]", "noise[high] = rows"
    )
    assert rows not in text
    assert before == 2 * after > 0
    assert "torch.sort(noise[high_indices])" in text
    assert "noise[high_indices] = rows" in text


@pytest.mark.parametrize(
    "made",
    [
        "(noise.amax((0, 2)) > 0.1) & ~(noise.amin((0, 2)) < -2)",
        "noise.amax((0, 2)).gt(0.1)",
        HALF,
    ],
)
def test_masks_in_other_spellings(tmp_path: Path, made: str) -> None:
    name = "first" if "first" in made else "keep"
    sorts = "noise[:, keep] = torch.sort(noise[:, keep], 1)[0]"
    before, after, _ = cured(tmp_path, f"{name} = {made}", sorts, "pass")
    assert before == 2 * after > 0


@pytest.mark.parametrize(
    ("made", "first", "second"),
    [
        (MADE, "x, noise = x[:, keep], noise[:, ~keep].mean(1, keepdim=True)", "pass"),  # two masks
        ("keep = {1: noise.mean(dim=(0, 2)) > 0.1}[1]", *SELECTS),  # rows of numbers for all that the text tells
        (MADE, "x = x[:, keep]", "keep = ~keep; noise = noise[:, ~keep]"),
        ("keep = noise > 0.1; high = 1", "a = torch.sort(x[keep])[0]", "noise = noise + a.sum() + x[keep].numel()"),
    ],
)
def test_what_else_selects_is_left_as_it_was(tmp_path: Path, made: str, first: str, second: str) -> None:
    before, after, text = cured(tmp_path, made, first, second)
    assert before >= after > 0
    assert "keep_indices" not in text


def test_what_a_condition_may_spare_is_not_asked_beforehand(tmp_path: Path) -> None:
    first = "if t % 2:\n            a = x[:, keep].sum()\n            x = x + noise[:, keep].sum() + a"
    _, _, text = cured(tmp_path, MADE, first, "pass")
    assert "keep_indices" not in text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("high.any()", "len(high_indices[0]) > 0"),
        ("torch.any(high) and t >= 0", "len(high_indices[0]) > 0 and t >= 0"),
        ("high.sum() > 0", "len(high_indices[0]) > 0"),
        ("0 < torch.sum(high).item()", "0 < len(high_indices[0])"),
        ("not high.any()", "not len(high_indices[0]) > 0"),
    ],
)
def test_whether_there_is_anything_to_select_is_known_with_the_indices(
    tmp_path: Path, question: str, answer: str
) -> None:
    first = f"if {question}:\n            noise[high] = torch.sort(noise[high])[0]"
    second = "rows = torch.sort(noise[high])[0].sum()"
    before, after, text = cured(tmp_path, "high = noise > 0.1", first, second)
    assert before > after == 4
    assert f"if {answer}:" in text


def test_a_question_that_another_one_may_spare_is_not_asked_beforehand(tmp_path: Path) -> None:
    first = "if t % 2 and high.any():\n            noise[high] = torch.sort(noise[high])[0]"
    _, _, text = cured(tmp_path, "high = noise > 0.1", first, "pass")
    assert "if t % 2 and high.any():" in text
    assert (
        "            high_indices = high.nonzero(as_tuple=True)\n            noise[high_indices] = torch.sort(" in text
    )


def test_one_statement_that_draws_again_what_a_mask_selects_asks_once(tmp_path: Path) -> None:
    first = "while high.any():\n            noise[high] = torch.rand_like(noise[high])\n            high = noise > 0.5"
    before, after, text = cured(tmp_path, "high = noise > 0.5", first, "pass")
    assert before > after > 0
    assert (
        "            high_indices = high.nonzero(as_tuple=True)\n            noise[high_indices] = torch.rand_like("
        in text
    )
