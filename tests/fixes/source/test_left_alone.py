"""A table that the loop may change under a flag: cured without the flag, the loop gives the same with it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
import torch

from sdprof.device import simulate, to_host
from tests.fixes.source.workbench import Build, cure, module_of, same_bits

HEAD = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x, t):
        return self.layer(x) * t


"""
TAIL = """

def build(device, steps, by=None):
    net = Net().to(device)

    def run():
        sigmas = torch.linspace(2, 0, steps + 1, device=device)
        return sample(net, torch.randn(2, 4, device=device), sigmas, by)

    return net, run
"""
LOOPS = {
    "under another name": """
        def sample(net, x, sigmas, by):
            view = sigmas.view(-1)
            for i in range(len(sigmas) - 1):
                if sigmas[i] > 0.5:
                    x = x + 0.1
                x = x - net(x, sigmas[i])
                if by is not None:
                    view[i + 1] *= by
            return x
    """,
    "what the loop runs through": """
        def sample(net, x, sigmas, by):
            done = 0
            for sigma, weight in zip(sigmas, sigmas.tolist()):
                if sigma > 0.5:
                    x = x + 0.1 * weight
                x = x - net(x, sigma)
                done += 1
                if by is not None:
                    sigmas[done:] *= by
            return x
    """,
    "in a nested function": """
        def sample(net, x, sigmas, by):
            def soften(i):
                if by is not None:
                    sigmas[i:] *= by

            for i, sigma in enumerate(sigmas):
                if sigma > 0.5:
                    x = x + 0.1
                x = x - net(x, sigma)
                soften(i)
            return x
    """,
    "in a function that is given it": """
        def soften(levels, i, by):
            levels[i:] *= by

        def sample(net, x, sigmas, by):
            for i in range(len(sigmas)):
                if sigmas[i] > 0.5:
                    x = x + 0.1
                x = x - net(x, sigmas[i])
                if by is not None:
                    soften(sigmas, i, by)
            return x
    """,
    "by a caller's function": """
        def sample(net, x, sigmas, by):
            change = None if by is None else (lambda levels: levels.mul_(by))
            for i in range(len(sigmas)):
                if sigmas[i] > 0.5:
                    x = x + 0.1
                x = x - net(x, sigmas[i])
                if change is not None:
                    change(sigmas)
            return x
    """,
    "an attribute that a method binds": """
        class Levels:
            def __init__(self, sigmas):
                self.sigmas = sigmas
                self.weights = torch.linspace(1, 0.5, len(sigmas))

            def advance(self, by):
                if by is not None:
                    self.sigmas = self.sigmas * by
                    self.weights = self.weights * by

        def sample(net, x, sigmas, by):
            levels = Levels(sigmas)
            for i in range(len(sigmas)):
                if levels.sigmas[i] > 0.5:
                    x = x + 0.1
                x = x - net(x, levels.weights[i].to(x.device))
                levels.advance(by)
            return x
    """,
    "an attribute of what a callback is given": """
        class Levels:
            def __init__(self, sigmas):
                self.sigmas = sigmas
                self.weights = torch.linspace(1, 0.5, len(sigmas))

        def sample(net, x, sigmas, by):
            def change(levels):
                levels.weights = levels.weights * by
                levels.sigmas.mul_(by)

            levels, callback = Levels(sigmas), None if by is None else change
            for i in range(len(sigmas)):
                if levels.sigmas[i] > 0.5:
                    x = x + 0.1
                x = x - net(x, levels.weights[i].to(x.device)) * levels.weights.to(x.device).sum()
                if callback is not None:
                    callback(levels)
            return x
    """,
}


def ran(module: ModuleType, by: float | None) -> torch.Tensor:
    with simulate():
        torch.manual_seed(0)
        _, run = module.build("cuda", 5, by)
        torch.manual_seed(1)
        with torch.no_grad():
            result: torch.Tensor = to_host(run())
        return result


@pytest.mark.parametrize("loop", LOOPS)
def test_what_a_flag_changes_is_seen_by_the_rewritten_loop(loop: str, tmp_path: Path) -> None:
    path = tmp_path / "loop.py"
    path.write_text(HEAD + textwrap.dedent(LOOPS[loop]).strip() + "\n" + TAIL)

    def load(texts: Mapping[str, str]) -> Build:
        build: Build = torch.no_grad()(module_of(path, texts.get(str(path))).build)
        return build

    cured = cure(load, 5, (tmp_path,))
    assert cured.same_bits
    assert cured.after.late < cured.before.late
    rewritten = module_of(path, next(iter(cured.composed.values())).text)
    for by in (None, 0.5, 0.1):
        assert same_bits(ran(module_of(path), by), ran(rewritten, by)), by
