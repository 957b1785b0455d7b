"""Values that a function hands on: which of them reach code that only the run names."""

from __future__ import annotations

import ast
import textwrap

import pytest

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import Function
from sdprof.fixes.source.reading.on_host.handed_on import handed_to_unknown

AROUND = """
import torch
from elsewhere import level

def square(t):
    return t ** 2

def asked(t, model):
    return model(t)

class Sampler:
    def plain(self, x, at):
        return x * torch.exp(at)

    def further(self, x, at):
        return self.net(x, 2 * at)

    def twice(self, x, at):
        return self.twice(x, at)

    def step(self, x, t, denoise):
        return {code}
"""


@pytest.mark.parametrize(
    ("code", "unknown"),
    [
        ("x * t", False),
        ("torch.exp(t) + square(t) + level(t) + float(t)", False),
        ("self.plain(x, at=t)", False),
        ("self.schedule.step(x, t)", False),
        ("self.twice(x, t)", True),  # followed to no end
        ("self.net(x, t)", True),
        ("self.net(x, t * torch.ones(3))", False),  # lies where the others do
        ("self.net(x, -t / 1000)", True),
        ("self.further(x, t)", True),
        ("asked(t, denoise)", True),
        ("denoise(x, sigma=t)", True),
        ("denoise(x, x)", False),
    ],
)
def test_who_is_given_the_time(code: str, unknown: bool) -> None:
    text = textwrap.dedent(AROUND).format(code=code)
    source = ModuleSource("/nowhere/sampler.py", text)
    (step,) = [each for each in ast.walk(source.tree) if isinstance(each, Function) and each.name == "step"]
    assert handed_to_unknown(source, step, "t") is unknown
