"""``sdprof check``: hold audits to a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdprof.commands.ending import FAILED, WRONG_CALL, end

if TYPE_CHECKING:
    from sdprof.budget.budget_file import Budget
    from sdprof.budget.judged import Outcome

MARKS: dict[Outcome, str] = {"kept": "ok    ", "unsure": "unsure", "unmeasured": "no data", "broken": "BROKEN"}


def check(
    runs: Annotated[list[Path], typer.Argument(help="Runs' folders, or audit.json files.", show_default=False)],
    budget: Annotated[Path, typer.Option(help="The limits, in TOML.", show_default=False)],
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            help="An earlier run of the same target, for new_findings; may be repeated, one a target.",
            show_default=False,
        ),
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
        earlier = [read_audit(run) for run in baseline or ()]
        results = [(run, read_audit(run)) for run in runs]
    except (BudgetError, UnreadableAuditError) as error:
        end(str(error), WRONG_CALL)
    names = [result.target.name for _, result in results]
    by_target = {result.target.name: result for result in earlier}
    if len(by_target) < len(earlier):
        end("--baseline names two runs of the same target; name one a target.", WRONG_CALL)
    _refuse_slips(wanted, names)
    for name in wanted.unused(names):
        typer.echo(f"[targets.{one_line(name)}] holds for none of these runs.")
    broken = 0
    for run, result in results:
        limits = wanted.limits_of(result.target.name)
        # A baseline of another target says so in the outcome.
        judged = judge(result, limits, by_target.get(result.target.name, next(iter(earlier), None)))
        if not judged:
            end(
                f"The budget sets no limit for the target {one_line(result.target.name)}: write one under [limits], "
                "for example graph_breaks = 0.",
                WRONG_CALL,
            )
        typer.echo(f"{one_line(result.target.name)} ({run})")
        for one in judged:
            broken += breaks_the_budget(one, limits)
            typer.echo(f"  {MARKS[one.outcome]:<8}{one.limit}: {one_line(one.sentence, 600)}")
    if broken:
        end(f"{broken} of the budget's limits {'is' if broken == 1 else 'are'} not kept.", FAILED)


def _refuse_slips(budget: Budget, checked: list[str]) -> None:
    from sdprof.renderers.printable import one_line
    from sdprof.target_index import builtin_targets

    known = [target.declaration.name for target in builtin_targets()]
    slip = budget.mistyped(checked, known)
    if slip is not None:
        written, meant = (one_line(name) for name in slip)
        end(f"The budget has [targets.{written}] and no such run is checked: did you mean {meant}?", WRONG_CALL)
