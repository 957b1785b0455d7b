"""What was seen of one expression while the loop ran: the ground that a rewrite stands on."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from sdprof.model import (
    GraphProfile,
    Location,
    LoopMap,
    OperatorCensus,
    OperatorSite,
    Scope,
    SeenFrame,
    TransferProfile,
    TransferSite,
)

LOOKED_INTO = 3
"""Tables are looked for in the function of the event and in those that called it, so many in all."""


class SiteEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One expression that copied, waited or dispatched an operator, over all its visits."""

    kind: Literal["H2D", "D2H", "SYNC", "operator", "break", "table", "zero"]
    """break: TorchDynamo left the graph here. table: the function looks numbers up in an array among tensors.
    zero: a table that the function looks numbers up in held nothing but zeros."""
    op: str
    """Dispatcher name: ``aten::_local_scalar_dense``, ``aten::cat``, ``autograd::CheckpointFunction``. Of a break the
    reason, of a table its dotted name in the innermost frame."""
    stack: tuple[SeenFrame, ...]
    """The running expressions, innermost first, libraries' and the user's; the first is the one to rewrite."""
    count: int = 1
    scope: Scope = "in_loop"
    """In the steps of the loop, before the first of them, or outside of it later on. Outside, only what one run does
    again and again is evidence."""
    in_each_run: bool = False
    """Before the loop: a run that was not the first did it too, so that a copy which is kept would spare it."""
    steps: tuple[int, ...] = ()
    """Steps in which it was seen, from 0."""
    steps_in_run: int = 1
    bytes: int = 0
    identical_content: bool = False
    """Every visit moved the same bytes; of an operator, each step made the same tensor of nothing that it computed."""
    same_tensors: bool = False
    """And an operator was given the very same tensors each time, which nobody had written to."""
    dtype: str = ""
    """Of what was copied or read: ``float32``; empty where it was not seen."""
    shape: tuple[int, ...] | None = None
    """Of what was copied or read; None where it was not seen."""
    input_shapes: tuple[tuple[int, ...], ...] = ()
    """Of an operator's tensor inputs, in its largest call."""
    input_dtypes: tuple[str, ...] = ()
    output_dtype: str = ""
    simulated: bool = True
    """Seen on the simulated device: no GPU has confirmed it."""
    loop: LoopMap | None = None
    """Where the sampling loop is."""

    @property
    def where(self) -> Location:
        """The expression to rewrite."""
        return self.stack[0].where

    @property
    def first_step_alone(self) -> bool:
        """Seen in the first step and in no other: once a run, however many steps it has."""
        return self.steps == (0,) and self.steps_in_run > 1


def evidence_of(
    transfers: TransferProfile | None,
    operators: OperatorCensus | None,
    loop: LoopMap | None,
    graphs: GraphProfile | None = None,
) -> tuple[SiteEvidence, ...]:
    """Every site that a rewrite may be shown: transfers first, then tables, operators and breaks.

    Outside of the loop, that is a copy or wait which one expression repeats, and the operators of decoding and such.
    Sites without a stack (recorded by an older version, or outside of any source) are left out.
    """
    sites: list[SiteEvidence] = []
    if transfers is not None:
        seen = [_of_transfer(site, transfers, loop) for site in transfers.sites if site.stack]
        in_loop = [site for site in seen if site.scope == "in_loop"]
        sites += [
            *in_loop,
            *odd_tables(in_loop),
            *(site for site in seen if site.scope != "in_loop" and site.count > 1),
        ]
    if operators is not None:
        everywhere = (*operators.sites, *operators.outside)
        moved = {site.where for site in sites if site.kind == "H2D"}  # what is copied is told by the copy
        seen = [_of_operator(site, operators, loop) for site in everywhere if site.where.line]
        sites += [replace(site, identical_content=False) if site.where in moved else site for site in seen]
    if graphs is not None:
        breaks = {site.where: site for region in graphs.regions for site in region.sites if site.kind == "break"}
        sites += [
            SiteEvidence(kind="break", op=site.reason, stack=(SeenFrame(where=where),), count=site.count, loop=loop)
            for where, site in breaks.items()
            if where.line
        ]
    return tuple(sites)


def odd_tables(sites: list[SiteEvidence]) -> list[SiteEvidence]:
    """Tables that a function of the loop holds: arrays beside tensors of the same length, and those full of zeros."""
    found: dict[tuple[str, ...], SiteEvidence] = {}
    for site in sites:
        for depth, frame in enumerate(site.stack[:LOOKED_INTO]):
            on_device = {
                seen.shape
                for seen in frame.values.values()
                if seen.kind == "tensor" and seen.device == "cuda" and len(seen.shape) == 1
            }
            for name, seen in frame.values.items():
                if name.startswith("self.") and len(seen.shape) == 1 and seen.kind in ("array", "tensor"):
                    odd = replace(site, op=name, dtype=seen.dtype, stack=site.stack[depth:])
                    key = (frame.where.file, name)
                    if seen.kind == "array" and seen.shape in on_device:
                        found.setdefault(("table", *key), replace(odd, kind="table"))
                    if seen.zero:
                        found.setdefault(("zero", *key), replace(odd, kind="zero"))
    return list(found.values())


def _of_transfer(site: TransferSite, profile: TransferProfile, loop: LoopMap | None) -> SiteEvidence:
    return SiteEvidence(
        kind=site.kind,
        op=site.op,
        stack=site.stack,
        count=site.count,
        scope=site.scope or ("in_loop" if site.in_loop else "results"),
        in_each_run=bool(site.count_in_next_run),
        steps=site.steps,
        steps_in_run=profile.steps,
        bytes=site.bytes,
        identical_content=site.identical_content,
        dtype=site.dtype,
        shape=site.shape,
        simulated=profile.device == "simulated",
        loop=loop,
    )


def _of_operator(site: OperatorSite, census: OperatorCensus, loop: LoopMap | None) -> SiteEvidence:
    stack = (*(SeenFrame(where=where, library=True) for where in site.library), SeenFrame(where=site.where))
    return SiteEvidence(
        kind="operator",
        op=site.op,
        stack=stack,
        count=site.calls,
        scope=site.scope,
        steps_in_run=census.steps,
        bytes=site.output_bytes,
        input_shapes=site.input_shapes,
        input_dtypes=site.input_dtypes,
        output_dtype=site.output_dtype,
        identical_content=site.identical_content,
        same_tensors=site.same_tensors,
        loop=loop,
    )
