"""Copies outside of the loop are findings where one expression repeats them, and in no count per step."""

from __future__ import annotations

import pytest

from sdprof.audits.repeated_copy_outside_loop import audit
from sdprof.facts.facts import Facts
from sdprof.model import Location, TransferProfile, TransferSite

HERE = Location(file="/home/loop.py", line=7, column=4, end_line=7, end_column=20)


def facts(**fields: object) -> Facts:
    given = {"kind": "D2H", "op": "aten::_to_copy", "where": HERE, "count": 3, "bytes": 36, "in_loop": False, **fields}
    return Facts(transfers=TransferProfile(device="simulated", steps=4, sites=(TransferSite(**given),)))


@pytest.mark.parametrize(("scope", "region"), [("results", "behind the loop"), ("setup", "before the loop")])
def test_a_repeated_copy_is_found(scope: str, region: str) -> None:
    (finding,) = audit(facts(scope=scope))
    assert finding.locations == (HERE,)
    assert finding.severity == "low"
    assert finding.count_per_step is None
    assert finding.region == region
    assert (finding.evidence["count_per_run"], finding.evidence["bytes_per_visit"]) == (3, 12)


@pytest.mark.parametrize(
    "fields", [{"scope": "results", "count": 1}, {"scope": "in_loop", "in_loop": True}, {"scope": None}]
)
def test_one_copy_a_run_and_those_of_the_loop_are_none(fields: dict[str, object]) -> None:
    assert not list(audit(facts(**fields)))


def test_what_the_first_run_kept_for_the_next_is_none() -> None:
    assert not list(audit(facts(scope="setup", count_in_next_run=0)))
    (finding,) = audit(facts(scope="setup", count_in_next_run=2))
    assert finding.evidence["count_per_run"] == 2
