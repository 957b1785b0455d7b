"""``sdprof check``: hold audits to a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdprof.commands.ending import FAILED, WRONG_CALL, end

if TYPE_CHECKING:
    from sdprof.budget.judged import Outcome

MARKS: dict[Outcome, str] = {"kept": "ok    ", "unsure": "unsure", "unmeasured": "no data", "broken": "BROKEN"}


def check(
    runs: Annotated[list[Path], typer.Argument(help="Runs' folders, or audit.json files.", show_default=False)],
    budget: Annotated[Path, typer.Option(help="The limits, in TOML.", show_default=False)],
    baseline: Annotated[
        Path | None, typer.Option(help="An earlier run of the same target, for new_findings.", show_default=False)
    ] = None,
) -> None:
    """Hold audits to a budget: exit code 1 with what broke, and by how much."""
    from sdprof.budget.budget_file import BudgetError, read_budget
    from sdprof.budget.check import breaks_the_budget
    from sdprof.budget.check import check as judge
    from sdprof.renderers.printable import one_line
    from sdprof.renderers.read_audit import UnreadableAuditError, read_audit

    try:
        wanted = read_budget(budget)
        earlier = None if baseline is None else read_audit(baseline)
        results = [(run, read_audit(run)) for run in runs]
    except (BudgetError, UnreadableAuditError) as error:
        end(str(error), WRONG_CALL)
    broken = 0
    for run, result in results:
        limits = wanted.limits_of(result.target.name)
        judged = judge(result, limits, earlier)
        typer.echo(f"{one_line(result.target.name)} ({run})")
        for one in judged:
            broken += breaks_the_budget(one, limits)
            typer.echo(f"  {MARKS[one.outcome]:<8}{one.limit}: {one_line(one.sentence, 600)}")
        if not judged:
            typer.echo("  the budget sets no limit for this target")
    if broken:
        end(f"{broken} of the budget's limits {'is' if broken == 1 else 'are'} not kept.", FAILED)
