"""The calls that led from the sampling loop to an event, as they were seen running."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.reading.before_loop.way_from_loop import Stage
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import Function, last_name, scope_of
from sdprof.fixes.source.reading.patch_root import are_patched_together


def way_by_stack(frame: Frame, node: ast.expr) -> list[Stage]:
    """From the function that an expression stands in out to the one with the loop; that alone, if it stands there.

    :raises DeclinedError: the loop is elsewhere, or its steps do not come here by calls of functions by their names.
    """
    way = [Stage(frame.source, scope_of(frame.source, node), node, frame.loop_around(node))]
    while way[-1].loop is None:
        inner, caller = way[-1], frame.caller()
        call = caller.source.node_at(caller.where)
        if not are_patched_together(caller.source.path, way[0].source.path):
            raise DeclinedError("A function lies between that another patch would change")
        if not (
            isinstance(call, ast.Call)
            and isinstance(inner.function, Function)
            and last_name(call.func) == inner.function.name
        ):
            raise DeclinedError("The call that leads to it is not found by the name of the function")
        way.append(Stage(caller.source, scope_of(caller.source, call), call, caller.loop_around(call)))
        frame = caller
    return way
