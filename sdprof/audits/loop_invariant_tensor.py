"""Copies and constants that each step makes again, with the same content."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding, Location, OperatorCensus, OperatorSite, Peaks

META = AuditMeta(
    id="loop-invariant-tensor",
    title="The same tensor is made again in each step",
    passed="No step makes a tensor that the step before has made",
    needs=("operator_contents",),
    severity="low",
    fixes=("hoist-loop-invariant",),
)
SMALL_BYTES_PER_STEP = 64 * 1024
"""Below, an expression costs a launch, not bandwidth."""
MOST_SMALL = 8
"""So many of the small ones have a finding each; the others, smaller still, share one."""
CONSIDERABLE_SHARE = 0.01
"""Of a step, from which on a finding is more than untidy."""
SMALL_TITLE = "Further small tensors are made again in each step, with the same content"
EXPLANATION = (
    "Its content was the same in each step of this run, and nothing that it was made of was computed in the step: make "
    "it once before the loop."
)
OF_NUMBERS = (
    "It was filled with the same numbers in each step of this run: where these cannot change, make it once before the "
    "loop."
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression; where there are many small ones, the smallest are one finding together."""
    census = facts.operator_contents
    assert census is not None
    copied = {site.where for site in facts.transfers.sites if site.kind == "H2D"} if facts.transfers is not None else ()
    expressions = sorted(_by_expression(census, copied), key=lambda sites: -_bytes_per_step(sites, census))
    small = [sites for sites in expressions if _bytes_per_step(sites, census) < SMALL_BYTES_PER_STEP]
    together = small[MOST_SMALL:] if len(small) > MOST_SMALL + 1 else []
    for sites in expressions:
        if sites not in together:
            yield _finding(sites, census, facts)
    if together:
        yield _finding([site for sites in together for site in sites], census, facts, title=SMALL_TITLE)


def _bytes_per_step(sites: Sequence[OperatorSite], census: OperatorCensus) -> float:
    return sum(site.output_bytes for site in sites) / census.steps


def _by_expression(census: OperatorCensus, copied: Container[Location]) -> list[list[OperatorSite]]:
    """The operators that make the same again, by the user's expression; what is made inside of another counts to it.

    :param copied: expressions that copy from the host, which others report.
    """
    repeated = [
        site
        for site in census.sites
        if site.identical_content and site.where.line and site.where not in copied and not _is_of_one(site)
    ]
    outermost = [site.where for site in repeated if not any(_is_inside(site.where, other.where) for other in repeated)]
    return [
        [
            *(site for site in repeated if site.where == where),
            *(site for site in repeated if _is_inside(site.where, where)),
        ]
        for where in dict.fromkeys(outermost)
    ]


def _is_of_one(site: OperatorSite) -> bool:
    """A ``cat`` of a single tensor is found for that."""
    return site.op == "aten::cat" and len(site.input_shapes) == 1


def _is_inside(inner: Location, outer: Location) -> bool:
    if inner == outer or (inner.file, inner.function) != (outer.file, outer.function):
        return False
    if None in (inner.column, inner.end_column, outer.column, outer.end_column):
        return False
    return _begin(outer) <= _begin(inner) and _end(inner) <= _end(outer)


def _begin(where: Location) -> tuple[int, int]:
    return where.line, where.column or 0


def _end(where: Location) -> tuple[int, int]:
    return where.end_line or where.line, where.end_column or 0


def _finding(sites: Sequence[OperatorSite], census: OperatorCensus, facts: Facts, title: str | None = None) -> Finding:
    cost = _cost(sites, census, facts.peaks) if facts.peaks is not None else None
    return found(
        META,
        title=title,
        locations=tuple(dict.fromkeys(where for site in sites for where in (site.where, *site.library) if where.line)),
        count_per_step=sum(site.calls_per_step for site in sites),
        cost=cost,
        severity="medium" if cost is not None and _is_considerable(cost, facts) else None,
        evidence={
            "operators": ", ".join(dict.fromkeys(site.op.removeprefix("aten::") for site in sites)),
            "expressions": len({site.where for site in sites}),
            "kib_per_step": round(_bytes_per_step(sites, census) / 1024, 1),
            "shapes": " and ".join(dict.fromkeys(" × ".join(map(str, shape)) for shape in sites[0].input_shapes)),
            "dtype": ", ".join(dict.fromkeys(site.output_dtype for site in sites)),
            "module_class": sites[0].module_class,
        },
        explanation=EXPLANATION if any(site.input_shapes for site in sites) else OF_NUMBERS,
    )


def _cost(sites: Sequence[OperatorSite], census: OperatorCensus, peaks: Peaks) -> Cost:
    # A constant is written alone, a copy is read as well.
    moved = sum(site.output_bytes * (2 if site.input_shapes else 1) for site in sites)
    return Cost(
        predicted_ms_per_step=1e3 * moved / census.steps / peaks.copy_bytes_per_second,
        source="bytes written, and as many read where they are copied, at the machine's measured copy rate",
    )


def _is_considerable(cost: Cost, facts: Facts) -> bool:
    """Against a step of the run in which modules were timed."""
    if facts.modules is None or cost.predicted_ms_per_step is None or not facts.modules.run_seconds:
        return False
    return cost.predicted_ms_per_step / 1e3 >= CONSIDERABLE_SHARE * facts.modules.run_seconds / facts.modules.steps
