"""Tell the runs of loop statements apart: which run of an inner loop was it that made a call?

A stack does not show it: the second pass of a loop and the first one of its next run make a call by the same
instruction. So where a call is made in several loop statements of one function, the lines of that function are traced.
"""

from __future__ import annotations

import linecache
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple, Self

from sdprof.collectors.loop_body import loop_statements

Statements = dict[int, int]
"""Last line of a loop statement by its first."""


class LoopRun(NamedTuple):
    """One run of a loop statement: from its start to its end."""

    line: int
    """First line of the statement."""
    number: int
    """Differs between runs in one call of the function."""


class LoopRuns:
    """Counts the runs of the loop statements around calls, in functions where a call stands in several of them.

    From the first such call on every call of a Python function costs a fraction of a microsecond more, and every line
    of the functions at issue about one. A debugger or a coverage tool sees nothing meanwhile.
    """

    def __init__(self) -> None:
        self._around: dict[tuple[CodeType, int], tuple[tuple[int, int], ...]] = {}
        self._statements: dict[CodeType, Statements] = {}
        self._traced_before: dict[int, Callable[..., Any] | None] = {}
        self._ended = False

    def of(self, frame: FrameType) -> tuple[LoopRun, ...]:
        """The runs that the frame is in, outermost first; none before its first call in several loop statements."""
        around = self._statements_around(frame)
        counter = frame.f_trace
        if not isinstance(counter, _RunCounter):
            if len(around) < 2:
                return ()
            self._statements.setdefault(frame.f_code, {})
            counter = _RunCounter(self._statements[frame.f_code])
            self._trace_thread()
            frame.f_trace = counter
        counter.statements.update(around)
        counter.at(frame.f_lineno)
        return tuple(LoopRun(line, counter.numbers[line]) for line, _ in around)

    def end(self) -> None:
        """Trace no more."""
        self._ended = True
        self._statements.clear()
        if sys.gettrace() == self._begin:
            sys.settrace(self._traced_before.get(threading.get_ident()))

    def _statements_around(self, frame: FrameType) -> tuple[tuple[int, int], ...]:
        code, line = frame.f_code, frame.f_lineno
        found = self._around.get((code, line))
        if found is None:
            text = "".join(linecache.getlines(code.co_filename, frame.f_globals))
            found = self._around[code, line] = loop_statements(text, line, code.co_qualname)
        return found

    def _trace_thread(self) -> None:
        before = sys.gettrace()
        if before != self._begin:
            self._traced_before[threading.get_ident()] = before
            sys.settrace(self._begin)

    def _begin(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._ended:  # in a thread that goes on after the run
            sys.settrace(self._traced_before.get(threading.get_ident()))
            return None
        statements = self._statements.get(frame.f_code)
        if statements is None:
            return None
        # A generator that goes on keeps what was counted.
        return frame.f_trace if isinstance(frame.f_trace, _RunCounter) else _RunCounter(statements)


class _RunCounter:
    """Traces the lines of one call of a function."""

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        """Those of the function that are counted: all of its calls share them."""
        self.numbers: dict[int, int] = {}
        """How often each was begun."""
        self._inside: frozenset[int] = frozenset()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Self:
        if event == "line":
            self.at(frame.f_lineno)
        return self

    def at(self, line: int) -> None:
        """Count the statements that begin with this line."""
        inside = frozenset(first for first, last in self.statements.items() if first <= line <= last)
        for first in inside - self._inside:
            self.numbers[first] = self.numbers.get(first, 0) + 1
        self._inside = inside
