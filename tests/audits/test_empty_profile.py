"""A profiler that saw nothing is a finding, and keeps every audit that rests on it from passing."""

from sdprof.audits.empty_profile import audit
from sdprof.audits.registry import all_audits, run_audits
from sdprof.facts.facts import Facts
from sdprof.model import ModuleProfile, OperatorCensus
from tests.audits.census import facts, site

NOTHING = Facts(
    operators=OperatorCensus(steps=1, operators=0, sites=()),
    modules=ModuleProfile(steps=1, run_seconds=1.0, modules=()),
)


def test_each_silent_profiler_is_named() -> None:
    assert [finding.evidence["profiler"] for finding in audit(NOTHING)] == ["operator census", "module calls"]


def test_what_saw_something_and_what_did_not_run_are_no_findings() -> None:
    assert not list(audit(facts(site("aten::mm"))))


def test_silence_is_no_clean_pass() -> None:
    findings, missing = run_audits(NOTHING, all_audits())
    reasons = {each.section: each.reason for each in missing}
    assert reasons["audit naive-attention"] == "It needs operators by expression (which recorded nothing)."
    assert [finding.id for finding in findings] == ["empty-profile", "empty-profile"]
