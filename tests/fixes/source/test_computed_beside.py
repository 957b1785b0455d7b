"""Numbers that a step computes of a table: the host computes them beside the device, whatever way the step takes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdprof.fixes.source.registry import all_rewrites
from tests.fixes.source.workbench import Cured, cure_file, module_of, observe, same_bits

LOOPS = Path(__file__).parent / "loops"

LOOP = """
import math
import torch

def halved(a, b):
    return (a + b) / 2, b - a

class Sampler:
    def __init__(self, sigmas):
        self.sigmas = sigmas

    def level(self, t):
        return t.exp() - 1

    @torch.no_grad()
    def sample(self, net, x, flag=False, power=0.5):
        sigmas = self.sigmas
        a, b, c = None, 0.5, sigmas[0] * 1
        log_of = lambda s: s.log1p()
        for i in range(len(sigmas) - 1):
            x = x + 0.01 * net(x)
{body}
        return x

def build(device, steps, flag=False):
    torch.manual_seed(0)
    net = torch.nn.Linear(4, 4).to(device)
    def run():
        sampler = Sampler(torch.linspace(2.0, 0.1, steps + 1, device=device))
        return sampler.sample(net, torch.ones(2, 4, device=device), flag)
    return net, run
"""


FIXES = {meta.id for meta in all_rewrites()} - {"choose-on-device"}
"""The device could choose in most of these steps."""


def cured(folder: Path, body: str) -> tuple[Cured, Callable[..., Any], Callable[..., Any]]:
    """What became of a step, and how the loop is built as it was and as it is now."""
    file = folder / "step.py"
    file.write_text(LOOP.format(body=textwrap.indent(textwrap.dedent(body).strip(), 12 * " ")))
    found = cure_file(file, fix_ids=FIXES)
    text = found.composed[str(file)].text if found.composed else None
    return found, module_of(file).build, module_of(file, text).build


def same_for_others(folder: Path, original: Callable[..., Any], rewritten: Callable[..., Any]) -> bool:
    """Whether other callers get the same bits: more steps, and the other way where the step asks for a flag."""
    outputs = [
        [
            observe(lambda device, n, build=build, flag=flag: build(device, n, flag), steps, (folder,)).output
            for steps, flag in ((6, False), (4, True))
        ]
        for build in (original, rewritten)
    ]
    return same_bits(*outputs)


CURED = {
    "an entry of a table, and what is computed of it": """
        v = sigmas[i] * 0.5
        w = v.sqrt() + sigmas[i + 1]
        if w > 0.9:
            x = x + w
        """,
    "branches": """
        if flag:
            v = sigmas[i]
        elif i > 1:
            v = sigmas[i] * 2
        else:
            v = 0.0
        if v > 0.5:
            x = x + v
        """,
    "carried over": """
        if a is not None and (a - sigmas[i]) > 0.3:
            x = x + a
        a = sigmas[i] if flag else sigmas[i + 1]
        """,
    "carried over from a tensor before the loop": """
        if c > 0.3:
            x = x + c
        c = sigmas[i] * c.sqrt()
        """,
    "two at once": """
        v, w = halved(sigmas[i], sigmas[i + 1])
        if w < -0.1 or v > 1.5:
            x = x * v + w
        """,
    "in pairs": """
        v, w = sigmas[i], sigmas[i + 1]
        h = log_of(v) - log_of(w)
        if h > 0.2:
            x = x + h
        """,
    "a method that only computes": """
        v = self.level(sigmas[i])
        x = x + v * math.exp(-v)
        """,
    "one of a batch": """
        v = 1 - sigmas[i] / 4
        v = v * torch.ones(len(x), device=x.device)
        x = x + v[:, None]
        if v[0] < 0.75:
            x = x * 2
        """,
    "a number that becomes a tensor": """
        power = torch.ones(1, device=x.device) * power
        v = (i / 4) ** power + sigmas[i]
        if v > 1.5:
            x = x + v
        """,
    "counted up": """
        c += sigmas[i] * 0.5
        if c > 2.5:
            x = x + c
        """,
    "on the line of what is asked": """
        v = sigmas[i] * 2
        if i < 2: v = sigmas[i + 1] + c
        if v > 1.5:
            x = x + v
        """,
    "another tensor of the same kind": """
        v = sigmas[i - 1] if i > 0 else torch.ones_like(sigmas[i])
        v = v - 0.25
        x = x + v
        if v > 0.25:
            x = x * 2
        """,
}


@pytest.mark.parametrize("body", CURED.values(), ids=CURED)
def test_the_host_computes_it_too(tmp_path: Path, body: str) -> None:
    found, original, rewritten = cured(tmp_path, body)
    assert found.before.late > 0
    assert found.after.late == 0, found.stayed
    assert found.same_bits
    assert same_for_others(tmp_path, original, rewritten)


LEFT = {
    "computed of the latents": """
        v = sigmas[i] * x.mean()
        if v > 0.5:
            x = x + v
        """,
    "written to": """
        v = sigmas[i] + 1
        v.mul_(x.mean())
        if v > 0.5:
            x = x + v
        """,
    "counted up by what the latents say": """
        v = sigmas[i] + 1
        v += x.mean()
        if v > 0.5:
            x = x + v
        """,
    "cut to a whole number": """
        v = torch.floor(sigmas[i] / 0.3)
        x = x + int(v)
        """,
    "counted up under another name": """
        v = c
        c += 0.25
        if v > 2.25:
            x = x + v
        """,
    "computed by a function and cut": """
        v = (self.level(sigmas[i]) * 100).long().item()
        x = x + v
        """,
    "drawn": """
        v = sigmas[i] * torch.randn((), device=x.device)
        if v > 0.5:
            x = x + v
        """,
    "bound by a function inside": """
        v = sigmas[i] * 2
        def other():
            nonlocal v
            v = x.mean()
        other()
        if v > 0.5:
            x = x + v
        """,
}


@pytest.mark.parametrize("body", LEFT.values(), ids=LEFT)
def test_what_the_host_cannot_know_stays(tmp_path: Path, body: str) -> None:
    found, original, rewritten = cured(tmp_path, body)
    assert found.same_bits
    assert found.after.late > 0
    assert same_for_others(tmp_path, original, rewritten)


MIXED = {
    "two names": """
        v, w = sigmas[i], sigmas[i + 1] * 2
        if flag or i > 1:
            v, w = w, v
        if v > w:
            x = x + v
        """,
    "a name and what it is found by": """
        k = i - 1
        k, v = k + 1, sigmas[k] * 1.5
        if v > 1.2:
            x = x + v
        """,
}


@pytest.mark.parametrize("body", MIXED.values(), ids=MIXED)
def test_names_that_change_places_are_not_mixed_up(tmp_path: Path, body: str) -> None:
    found, original, rewritten = cured(tmp_path, body)
    assert found.same_bits
    assert same_for_others(tmp_path, original, rewritten)


def test_of_adaptive_steps_the_host_asks_for_the_error_alone() -> None:
    """The error is computed from the latents; the time that follows from it the host can compute."""
    found = cure_file(LOOPS / "decided_by_latents" / "adaptive_steps.py")
    assert found.same_bits
    assert found.after.late * 4 == found.before.late
    assert {site.where.function for site in found.after.sites} == {"StepLength.accepts"}
    text = found.composed[str(LOOPS / "decided_by_latents" / "adaptive_steps.py")].text
    assert "while s_on_host < t_end_on_host - 1e-5 if forward_on_host else s_on_host > t_end_on_host + 1e-5:" in text


NUMBERS = ("sigmas[i]", "sigmas[i + 1]", "a", "b", "c", "0.25", "i")
FORMS = (
    "{0} + {1}",
    "{0} * {1} - 0.1",
    "{0} if flag else {1}",
    "{0} if i % 2 else {1}",
    "torch.maximum(sigmas[i], sigmas[i + 1]) * {0}",
    "(sigmas[i] - {0}).abs() + 0.01",
    "halved({0}, {1})[1]",
)
STATEMENTS = (
    "{t} = {e}",
    "if flag:\n    {t} = {e}",
    "if i > 1:\n    {t} = {e}\nelse:\n    {t} = {f}",
    "{t}, {u} = {e}, {f}",
    "{t}, {u} = halved({e}, {f})",
    "x = x + ({e})",
    "if ({e}) > 0.4:\n    x = x * 1.25",
    "if ({e}) > x.mean():\n    {t} = {f}",
    "{t} = x.mean() * 0.1",
    "{t} = {e}\n{t} += {f}",
    "if i < 2: {t} = {e}",
    "for k in range(2):\n    {t} = {e}",
    "if i == 2:\n    continue",
    "k = i\nk, {t} = k - 1, sigmas[k] + {e}",
    "k, {t} = i, {e}\n{u} = sigmas[k] * {f}",
)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    def expression() -> str:
        return draw(st.sampled_from(FORMS)).format(draw(st.sampled_from(NUMBERS)), draw(st.sampled_from(NUMBERS)))

    lines = ["a = sigmas[i] if a is None else a"]
    for _ in range(draw(st.integers(2, 6))):
        t, u = draw(st.permutations(["a", "b", "c"]))[:2]
        lines.append(draw(st.sampled_from(STATEMENTS)).format(t=t, u=u, e=expression(), f=expression()))
    last = draw(st.sampled_from(["a", "b", "c"]))
    return "\n".join([*lines, f"if {last} > 0.3:", "    x = x + 0.5"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies())
def test_no_step_of_any_form_is_changed(tmp_path: Path, body: str) -> None:
    found, original, rewritten = cured(tmp_path, body)
    assert found.same_bits
    assert found.after.late <= found.before.late
    assert same_for_others(tmp_path, original, rewritten)
