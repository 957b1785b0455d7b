"""Loops for the collectors, written to files and imported as the modules of a user would be."""

import importlib.util
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from sdprof.collectors import loop
from sdprof.collectors.watched_run import WatchedRun

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(8, 8)
        self.act = nn.SiLU()

    def forward(self, x, t):
        return self.act(self.project(x)) * t

torch.manual_seed(0)
net = Net().requires_grad_(False)
x = torch.ones(2, 8)

def probe(label=None):
    pass
"""


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Write a module after the preamble ``NET`` (class Net, net, x, probe) and import it."""
    loaded: list[str] = []

    def write_and_import(source: str, preamble: str = NET) -> ModuleType:
        name = f"user_loop_{len(loaded)}"
        file = tmp_path / f"{name}.py"
        file.write_text(preamble + textwrap.dedent(source), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    yield write_and_import
    for name in loaded:
        del sys.modules[name]


@pytest.fixture
def watch(load: Callable[..., ModuleType], tmp_path: Path) -> Callable[..., WatchedRun]:
    """Make the watched run of a source with a function ``run`` and hot module ``net``; the loop is found already."""

    def make(source: str, *, find_loop: bool = True, step: str | None = None, **fields: Any) -> WatchedRun:
        module = load(source)
        artifacts = tmp_path / "artifacts"
        artifacts.mkdir(exist_ok=True)
        given: dict[str, Any] = {
            "run": module.run,
            "hot_modules": {"net": module.net},
            "source_roots": (Path(module.__file__ or ""),),
            "folder": artifacts,
            "device": torch.device("cpu"),
            "dtype": None,
            "compiled": False,
            "loop": None,
            "step": None if step is None else getattr(module, step),
        }
        watched = WatchedRun(**(given | fields))
        return replace(watched, loop=loop.collect(watched)) if find_loop else watched

    return make


@pytest.fixture
def line_of() -> Callable[[WatchedRun, str], int]:
    """The number of the first line of the watched source that contains a text."""

    def find(watched: WatchedRun, text: str) -> int:
        lines = watched.source_roots[0].read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    return find
