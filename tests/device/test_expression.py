"""Where an event is: the exact expression, its callers, and whose code it is."""

from __future__ import annotations

import linecache
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from sdprof.device import Frame, Simulation
from sdprof.device.expression import is_hidden, is_library


def text_of(frame: Frame) -> str:
    assert frame.line == frame.end_line
    return linecache.getline(frame.file, frame.line).encode()[frame.column : frame.end_column].decode()


def test_the_column_span_is_that_of_the_expression(device: Simulation) -> None:
    table = torch.arange(4.0).to("cuda")
    name = "größer"
    pair = (table[0].item(), name, float(table[1]))
    assert pair[2] == 1.0
    seen = [text_of(event.expression) for event in device.events]
    assert seen == ['torch.arange(4.0).to("cuda")', "table[0].item()", "float(table[1])"]


def test_an_expression_over_several_lines(device: Simulation) -> None:
    first = torch.ones(3).to(
        "cuda",
        torch.float32,
    )
    frame = device.events[0].expression
    assert frame.end_line - frame.line == 3
    assert first.is_cuda


def test_the_chain_names_every_caller_innermost_first(device: Simulation) -> None:
    class Reader(nn.Module):
        def forward(self, x: torch.Tensor) -> float:
            results = [self.read(each) for each in (x,)]
            return results[0]

        def read(self, x: torch.Tensor) -> float:
            return x.sum().item()

    Reader()(torch.ones(2, device="cuda"))
    frames = device.events[0].frames
    names = [frame.function.rsplit(".", 1)[-1] for frame in frames]
    assert names[:4] == ["read", "<listcomp>", "forward", "test_the_chain_names_every_caller_innermost_first"]
    assert text_of(frames[0]) == "x.sum().item()"
    assert text_of(frames[1]) == "self.read(each)"
    assert frames[0].first_line < frames[0].line
    assert not any("/torch/" in frame.file for frame in frames)


def test_a_library_is_shown_and_told_from_the_users_code(device: Simulation, monkeypatch, tmp_path: Path) -> None:
    source = tmp_path / "site" / "thelibrary.py"
    source.parent.mkdir()
    source.write_text(
        textwrap.dedent("""
        def peek(x):
            return x.max().item()
    """)
    )
    monkeypatch.setattr("sdprof.device.expression._SITE_PACKAGES", (str(source.parent) + "/",))
    is_library.cache_clear()
    monkeypatch.syspath_prepend(source.parent)
    import thelibrary

    thelibrary.peek(torch.ones(2, device="cuda"))
    event = device.events[0]
    is_library.cache_clear()
    assert event.expression.library
    assert event.expression.function == "peek"
    assert not event.user_expression.library
    assert text_of(event.user_expression) == 'thelibrary.peek(torch.ones(2, device="cuda"))'


@pytest.mark.parametrize(
    ("file", "hidden"),
    [
        (torch.nn.__file__, True),
        (linecache.__file__, True),
        (is_hidden.__code__.co_filename, True),
        (str(Path(is_hidden.__code__.co_filename).parents[1] / "builtin_targets" / "some" / "target.py"), False),
        (pytest.__file__, False),
        ("<frozen importlib._bootstrap>", True),
        ("<stdin>", False),
        ("/home/someone/loop.py", False),
    ],
)
def test_what_is_hidden(file: str, hidden: bool) -> None:
    assert is_hidden(file) == hidden
