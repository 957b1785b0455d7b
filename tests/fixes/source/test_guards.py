"""What stands in front of a loop must not fail where the loop itself never comes to it."""

from __future__ import annotations

import ast
import textwrap

import pytest

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.guards import known_before, table_unless_none, unless_none
from sdprof.fixes.source.reading.loops import LoopStatement, before_loop
from sdprof.fixes.source.reading.names import Scope, scope_of


def found(text: str, expression: str) -> tuple[ModuleSource, ast.expr, LoopStatement, Scope]:
    source = ModuleSource("x.py", textwrap.dedent(text))
    nodes = list(ast.walk(source.tree))
    node = next(each for each in nodes if isinstance(each, ast.expr) and source.code(each) == expression)
    loop = next(each for each in nodes if isinstance(each, LoopStatement))
    return source, node, loop, scope_of(source, node)


def hoisted(text: str) -> str | None:
    return unless_none(*found(text, "mask.to(device)"))


def test_what_each_step_evaluates_stands_as_it_is() -> None:
    text = "def f(x, mask, device=None):\n    for t in ts:\n        x = x * mask.to(device)\n"
    assert hoisted(text) == "mask.to(device)"


@pytest.mark.parametrize(
    "body",
    [
        "if mask is not None:\n            x = x * mask.to(device)",
        "x = x * mask.to(device) if mask is not None else x",
        "x = mask is not None and x * mask.to(device)",
        "if mask is None:\n            continue\n        x = x * mask.to(device)",
    ],
)
@pytest.mark.parametrize("parameters", ["x, mask=None", "x, mask: Tensor | None", "x, mask"])
def test_what_may_be_none_is_asked_again(parameters: str, body: str) -> None:
    text = f"def f({parameters}, device=None):\n    for t in ts:\n        {body}\n"
    assert hoisted(text) == "mask.to(device) if mask is not None else None"


def test_a_branch_that_says_nothing_of_the_name_leaves_it_as_it_is() -> None:
    text = "def f(x, mask, device):\n    for t in ts:\n        if t > 0:\n            x = x * mask.to(device)\n"
    assert hoisted(text) == "mask.to(device)"


@pytest.mark.parametrize(
    "text",
    [
        # bound on one way alone
        """
        def f(x, on):
            if on:
                mask = g()
            for t in ts:
                if on:
                    x = x * mask.to(device)
        """,
        # of another type on the other way
        """
        def f(x, mask):
            for t in ts:
                if isinstance(mask, Tensor):
                    x = x * mask.to(device)
        """,
    ],
)
def test_what_may_mean_nothing_before_the_loop_is_left_there(text: str) -> None:
    assert hoisted(text) is None


def test_readers_of_one_table_share_one_copy() -> None:
    text = """
        def f(x, sigmas=None):
            for i in range(3):
                y = sigmas[i]
                if sigmas is not None and i > 0:
                    y = sigmas[i - 1]
        """
    source, _, loop, scope = found(text, "sigmas[i]")
    nodes = [each for each in ast.walk(source.tree) if isinstance(each, ast.Subscript)]
    copies = {table_unless_none(source, each.value, loop, scope) for each in nodes}
    assert copies == {"sigmas.cpu() if sigmas is not None else None"}


NESTED = """
def f(x, mask, ts, device):
    for t in ts:
        {before}
        {opened}
            x = x * mask.to(device)
"""


def inner(before: str, opened: str) -> tuple[ModuleSource, ast.expr, LoopStatement, Scope]:
    opened = opened.replace("\n", "\n        ")
    text = NESTED.format(before=before, opened=opened)
    if opened.count("\n"):
        text = text.replace("            x = x", "                x = x")
    source, node, _, scope = found(text, "mask.to(device)")
    return source, node, [each for each in ast.walk(source.tree) if isinstance(each, LoopStatement)][-1], scope


@pytest.mark.parametrize(
    ("before", "opened", "line", "known"),
    [
        ("y = t", "for _ in range(3):", 3, True),
        ("mask = made(3)", "for _ in range(3):", 5, True),
        ("mask = made(t)", "for _ in range(3):", 5, False),
        ("y = made(t); mask = y > 0", "for _ in range(3):", 5, False),
        ("device = x.device", "while t > 0:", 5, True),
        ("y = t", "if mask is not None:\n    for _ in range(3):", 6, False),
        ("if mask is None: continue", "for _ in range(3):", 5, False),
    ],
)
def test_it_goes_in_front_of_the_loops_around_that_always_come_to_it(
    before: str, opened: str, line: int, known: bool
) -> None:
    source, node, loop, scope = inner(before, opened)
    assert known_before(source, node, loop, scope) is known
    change = before_loop(source, loop, "mask_on_device = mask.to(device)")
    assert source.text[: change.start].count("\n") + 1 == line


@pytest.mark.parametrize(
    ("before", "line"),
    [("schedule.set_times(3)", 5), ("prepare(schedule)", 5), ("other.set_times(3)", 3), ("y = t", 3)],
)
def test_what_a_call_may_make_anew_is_copied_behind_the_call(before: str, line: int) -> None:
    source, _, loop, _ = inner(before, "for _ in range(3):")
    change = before_loop(source, loop, "times_on_host = schedule.times.cpu()")
    assert source.text[: change.start].count("\n") + 1 == line
