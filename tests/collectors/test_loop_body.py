import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.collectors.loop_body import Span, find_loop_body


def body_at(source: str, marker: str, qualname: str = "f"):
    source = textwrap.dedent(source).strip("\n")
    line = next(number for number, text in enumerate(source.splitlines(), 1) if marker in text)
    return find_loop_body(source, line, qualname)


def test_for_statement():
    found = body_at(
        """
        def f(xs):
            setup()
            for x in tqdm(xs):
                before(x)
                net(x)  # call
            else:
                after()
        """,
        "# call",
    )
    assert found.kind == "for"
    assert found.header == Span(3, 13, 3, 21)
    assert found.body == Span(4, 8, 5, 14)
    assert found.whole == Span(3, 4, 7, 15)


def test_while_statement_on_one_line():
    found = body_at("def f():\n    while t < 3: net(t)", "net(t)")
    assert found.kind == "while"
    assert found.header == Span(2, 10, 2, 15)
    assert found.body == Span(2, 17, 2, 23)


def test_innermost_statement_of_the_function_itself():
    source = """
    for outside in range(2):
        def f():
            for image in range(2):
                prepare()
                for t in steps:
                    net(t)  # call
                def g():
                    net(0)  # in g
        f()  # module
    """
    assert body_at(source, "# call").whole.line == 5
    assert body_at(source, "# in g", "f.<locals>.g") is None
    assert body_at(source, "# module", "<module>").whole.line == 1
    assert body_at(source, "prepare()").whole.line == 3


def test_else_of_a_loop_is_not_in_it():
    assert body_at("def f():\n    for a in b:\n        c()\n    else:\n        net()  # call", "# call") is None


def test_comprehension_as_a_function_of_its_own():
    source = "def f():\n    for image in images:\n        return [net(t) for t in steps(image)]"
    found = find_loop_body(source, 3, "f.<locals>.<listcomp>")
    assert found.kind == "comprehension"
    assert found.header == Span(3, 32, 3, 44)
    assert find_loop_body(source, 3, "f").kind == "for"


def test_comprehension_within_the_function_where_no_statement_is_around():
    found = find_loop_body("def f():\n    return [net(t) for t in steps]", 2, "f")
    assert found.kind == "comprehension"


def test_no_loop_no_source_no_python():
    assert find_loop_body("def f():\n    net()", 2, "f") is None
    assert find_loop_body("", 2, "f") is None
    assert find_loop_body("def (", 1, "f") is None


@given(st.text(max_size=200), st.integers(-1, 20))
def test_any_text_is_answered(source, line):
    found = find_loop_body(source, line, "f")
    assert found is None or found.whole.line <= line <= found.whole.end_line


@pytest.mark.parametrize("depth", [1, 3, 7])
def test_body_is_that_of_the_innermost_loop(depth):
    lines = ["def f():"]
    lines += [f"{'    ' * (level + 1)}for v{level} in r({level}):" for level in range(depth)]
    lines.append("    " * (depth + 1) + "net()")
    source = "\n".join(lines)
    ast.parse(source)
    assert find_loop_body(source, depth + 2, "f").body == Span(depth + 2, 4 * (depth + 1), depth + 2, 4 * depth + 9)
