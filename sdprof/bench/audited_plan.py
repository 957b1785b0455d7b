"""An audit's own plan in place of the one that a set of configurations comes with."""

from __future__ import annotations

import msgspec

from sdprof.bench.configurations import PLAN, ConfigurationSet
from sdprof.model import AuditResult
from sdprof.renderers import step_time
from sdprof.stages.request_check import WrongCallError


def with_audited_plan(taking_part: ConfigurationSet, audit: AuditResult, name: str) -> ConfigurationSet:
    """The set, with the fixes that an audit chose in its configuration of sdprof's fixes.

    Fixes that rewrite source are left out and named: a bench runs the targets as they are installed.

    :param name: what the audit is called in a sentence.
    :raises WrongCallError: if the set has no such configuration, or the audit has nothing to put there.
    """
    place = next((one for one in taking_part.configurations if one.id == PLAN), None)
    if place is None:
        raise WrongCallError(f"--plan has no place in the set {taking_part.title!r}: it holds none of sdprof's plans.")
    if audit.target.name != place.target:
        raise WrongCallError(f"--plan takes an audit of {place.target} here; {name} is of {audit.target.name}.")
    chosen = step_time.candidate(audit)
    of_source = {fix.id for fix in audit.fixes if fix.kind == "source"}
    in_order = () if chosen is None else chosen.fixes
    fixes = tuple(fix for fix in in_order if fix not in of_source)
    rewriting = [fix for fix in in_order if fix in of_source]
    if not fixes:
        why = f"only {', '.join(rewriting)}, which rewrite source" if rewriting else "nothing that wins"
        raise WrongCallError(f"{name} has no plan for a bench: it chose {why}.")
    label = f"{place.label.partition(',')[0]}, as its audit planned"
    if rewriting:
        label += f" (without {', '.join(rewriting)})"
    planned = msgspec.structs.replace(place, label=label, fixes=fixes, fixes_where_they_help=())
    configurations = tuple(planned if one is place else one for one in taking_part.configurations)
    return msgspec.structs.replace(taking_part, configurations=configurations)
