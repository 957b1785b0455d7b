"""Send what a generator of the host draws for several steps at once."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import last_name, statement_of
from sdprof.fixes.source.reading.on_device.moves import Move, move_of
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.straight_line import block_of, definitions_before, loads_after, without
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword, unwrapped
from sdprof.model import FixMeta

META = FixMeta(
    id="draw-ahead",
    title="Send the host's random numbers of several steps to the device at once",
    kind="source",
    numerics="exact",
    removes=("host-to-device-in-loop",),
    order=30,
)
DRAWS = frozenset({"randn", "rand", "randint", "randperm", "randn_like", "rand_like", "normal"})
CARRIED = frozenset({"size", "mean", "std", "low", "high", "n"})
CARRIED |= frozenset({"generator", "dtype", "layout", "device", "memory_format"})
NO_DRAW = "What is copied is not drawn by torch.randn or its like in this function"


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the device that differs from step to step."""
    return site.kind == "H2D" and not site.identical_content


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.randn(n, generator=g).to(d)`` → ``_sent_ahead(torch.randn, n, generator=g, to=(d,))``.

    The numbers are those of the host's generator as before, and it stands where it stood after each draw: a draw on the
    device would give others. Also of ``noise = torch.randn(…)`` that is then sent.
    """
    frame = Frame(site, sources, 0)
    source, values = frame.source, frame.values
    node = source.node_at(site.where)
    if not isinstance(node, ast.Call):
        raise DeclinedError(NO_DRAW)
    move = move_of(source, node, values)
    drawn, gone = _drawn(source, move)
    if not is_torch_call(source, drawn) or last_name(drawn.func) not in DRAWS:
        raise DeclinedError(NO_DRAW)
    if last_name(drawn.func) == "normal" and keyword(drawn, "size") is None:
        raise DeclinedError("What is drawn depends on more than the generator: means or deviations are tensors")
    others = sorted({each.arg or "**" for each in drawn.keywords} - CARRIED)
    if others:
        raise DeclinedError(f"The draw has arguments whose effect is not carried over: {', '.join(others)}")
    given = [source.code(each) for each in (drawn.func, *drawn.args)]
    given += [f"{each.arg}={source.code(each.value)}" for each in drawn.keywords]
    dtype = f" {move.dtype_text}" if move.dtype_text else ""
    text = f"_sent_ahead({', '.join(given)}, to=({move.device_text},{dtype}))"
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(*gone, in_place(source, move.call, text)),
            helpers=("_sent_ahead",),
            numerics="exact",
            proof="data",
            description="A helper draws the same numbers for several steps and sends them by one copy.",
        ),
    )


def _drawn(source: ModuleSource, move: Move) -> tuple[ast.Call, list[Replacement]]:
    """The call that draws, and the statement to take out where a name held it for the move alone."""
    host = unwrapped(source, move.host)
    if isinstance(host, ast.Call):
        return host, []
    if not isinstance(host, ast.Name):
        raise DeclinedError(NO_DRAW)
    (definition, *more) = definitions_before(source, host, host.id)
    statement = statement_of(source, move.call)
    block = block_of(source, statement)
    if more or not isinstance(definition.value, ast.Call):
        raise DeclinedError(NO_DRAW)
    next_to_it = definition in block and block.index(definition) + 1 == block.index(statement)
    if not next_to_it or loads_after(source, definition) != [host]:
        raise DeclinedError("What is drawn is used for more than to be sent")
    return definition.value, list(without(source, [definition]))
