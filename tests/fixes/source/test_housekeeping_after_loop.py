"""Memory given back and waits for nothing in particular: once behind the loop, or left where they may be needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixes.source.workbench import cure_text

LOOP = """
import time

import torch
from torch import nn


def velocity(net, x):
    v = net(x)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.synchronize()
    return v


def build(device, steps):
    net = nn.Conv2d(3, 3, 3, padding=1).to(device)

    def run(clear=True):
        x = torch.randn(2, 3, 8, 8, device=device)
        with torch.no_grad():
            for i in range(steps):
                x = x - velocity(net, x) / steps
                if clear and device:
                    # The pieces of one step
                    torch.cuda.empty_cache()
                torch.cuda.synchronize(device)
        return x

    return net, run
"""


def replaced(old: str, new: str) -> str:
    assert old in LOOP
    return LOOP.replace(old, new)


def test_it_happens_once_behind_the_loop(tmp_path: Path) -> None:
    found, text = cure_text(tmp_path, LOOP)
    assert found.before.counts["SYNC"] == 4 * 4
    assert not found.after.sites
    assert "    v = net(x)\n    return v\n" in text
    behind = """                x = x - velocity(net, x) / steps
            torch.cuda.synchronize(device)
            if clear and device:
                # The pieces of one step
                torch.cuda.empty_cache()
        return x
"""
    assert (
        behind in text
        or behind.replace("            torch.cuda.synchronize(device)\n", "").replace(
            "        return x", "            torch.cuda.synchronize(device)\n        return x"
        )
        in text
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    v = net(x)\n", "    begun = time.perf_counter()\n    v = net(x)\n"),  # the time of what was awaited
        ("    v = net(x)\n", "    v = net(x.to(x.device, non_blocking=True))\n"),  # a copy that may not be there yet
        ("    if torch.cuda.is_available():\n        torch.cuda.empty_cache()\n        torch", "    done = torch"),
    ],
)
def test_a_wait_that_may_be_for_something_stays(tmp_path: Path, old: str, new: str) -> None:
    found, text = cure_text(tmp_path, replaced(old, new))
    assert text.count("torch.cuda.synchronize()") == 1
    assert {site.op for site in found.after.sites} == {"torch.cuda.synchronize"}


def test_a_block_is_not_left_empty(tmp_path: Path) -> None:
    found, text = cure_text(
        tmp_path, replaced("    if torch.cuda.is_available():\n", "    with torch.inference_mode():\n")
    )
    assert not found.after.sites
    assert "    with torch.inference_mode():\n        torch.cuda.synchronize()" not in text


def test_what_the_loop_binds_is_asked_in_the_loop_alone(tmp_path: Path) -> None:
    """A condition on the loop's variable would have no value behind a loop without a step."""
    found, text = cure_text(tmp_path, replaced("if clear and device:", "if clear and i % 2:"))
    assert not [site for site in found.after.sites if site.op == "torch.cuda.empty_cache"]
    assert "i % 2" not in text
