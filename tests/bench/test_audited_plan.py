import msgspec
import pytest

from sdprof.bench.audited_plan import with_audited_plan
from sdprof.bench.configurations import FAMILIES, PLAN, RIVALS, SEED
from sdprof.model import AuditResult
from sdprof.stages.request_check import WrongCallError
from tests.renderers.samples import faster, no_candidate


def of_source(audit: AuditResult, *ids: str) -> AuditResult:
    fixes = tuple(msgspec.structs.replace(fix, kind="source") if fix.id in ids else fix for fix in audit.fixes)
    return msgspec.structs.replace(audit, fixes=fixes)


def test_what_the_audit_chose_takes_part_in_its_order() -> None:
    planned = with_audited_plan(RIVALS, of_source(faster(), "sdpa"), "reports/run")
    assert [one.id for one in planned.configurations] == [one.id for one in RIVALS.configurations]
    (plan,) = [one for one in planned.configurations if one.id == PLAN]
    assert plan.fixes == ("freeze-parameters", "channels-last", "cache-context-keys", "compile-freezing")
    assert plan.fixes_where_they_help == ()
    assert plan.label == "original, as its audit planned (without sdpa)"
    others = [one for one in RIVALS.configurations if one.id != PLAN]
    assert [one for one in planned.configurations if one.id != PLAN] == others


@pytest.mark.parametrize(
    ("taking_part", "audit", "words"),
    [
        (SEED, faster(), "holds none of sdprof's plans"),
        (
            FAMILIES["sd21"]["inpainting"],
            faster(),
            "takes an audit of diffusers-sd21 here; reports/run is of sd21-original",
        ),
        (RIVALS, no_candidate(), "it chose nothing that wins"),
        (RIVALS, of_source(faster(), *(fix.id for fix in faster().fixes)), "only sdpa, "),
    ],
)
def test_a_plan_that_cannot_take_part_is_refused(taking_part: object, audit: AuditResult, words: str) -> None:
    with pytest.raises(WrongCallError, match=words):
        with_audited_plan(taking_part, audit, "reports/run")  # type: ignore[arg-type]
