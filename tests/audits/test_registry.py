"""Every audit declares itself soundly, and silence is told apart from a pass."""

import dataclasses

from sdprof.audits.registry import all_audits, run_audits
from sdprof.facts.facts import Facts
from sdprof.fixes.registry import all_fixes
from sdprof.model import GraphProfile, GraphRegion
from tests.audits.census import facts, site


def test_ids_are_file_names_and_needs_are_facts() -> None:
    names = {field.name for field in dataclasses.fields(Facts)}
    audits = all_audits()
    assert len(audits) >= 10
    for audit in audits:
        assert audit.audit.__module__.rpartition(".")[2] == audit.meta.id.replace("-", "_")
        assert set(audit.meta.needs) <= names
        assert audit.meta.title != audit.meta.passed


def test_audits_and_fixes_name_each_other() -> None:
    audits = {audit.meta.id: audit.meta for audit in all_audits()}
    fixes = {fix.id: fix for fix in all_fixes()}
    for audit in audits.values():
        assert set(audit.fixes) <= fixes.keys(), audit.id
    for fix in fixes.values():
        assert set(fix.removes) <= audits.keys(), fix.id


def test_an_audit_without_its_facts_is_missing_not_passed() -> None:
    findings, missing = run_audits(Facts(), all_audits())
    assert {finding.id for finding in findings} == {"empty-profile"}
    assert any(each.section == "audit naive-attention" and "operators" in each.reason for each in missing)


def test_a_clean_pass_is_a_finding_of_its_own() -> None:
    region = GraphRegion(name="unet", function="UNet.forward", grad=False, graphs=1, breaks=0, recompiles=0)
    clean = dataclasses.replace(facts(site("aten::add")), graphs=GraphProfile(regions=(region,)))
    findings, _ = run_audits(clean, all_audits())
    passed = {finding.id: finding for finding in findings if finding.status == "passed"}
    assert passed["naive-attention"].title == "No attention writes its score matrix to memory"
    assert "graph-breaks" in passed


def test_open_findings_come_first() -> None:
    small = site("aten::_to_copy", input_dtypes=("float16",), output_dtype="float32", output_bytes=2**20)
    large = site("aten::_to_copy", 20, input_dtypes=("float16",), output_dtype="float32", output_bytes=2**24)
    findings, _ = run_audits(facts(small, large), all_audits())
    statuses = [finding.status for finding in findings]
    assert statuses == sorted(statuses)  # "open" sorts before "passed"
    assert [finding.locations[0].line for finding in findings if finding.id == "redundant-casts"] == [20, 10]
