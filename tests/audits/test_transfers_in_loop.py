"""Copies and waits in the loop: each expression once, under the audit that knows its cure."""

from typing import Any

import pytest

from sdprof.audits import device_to_host_in_loop, host_to_device_in_loop, loop_invariant_copy, sync_in_loop
from sdprof.facts.facts import Facts
from sdprof.model import TransferProfile, TransferSite
from tests.audits.census import place

AUDITS = (device_to_host_in_loop, host_to_device_in_loop, loop_invariant_copy, sync_in_loop)


def facts(*sites: TransferSite, steps: int = 5) -> Facts:
    return Facts(transfers=TransferProfile(device="simulated", steps=steps, sites=sites))


def site(kind: str, **fields: Any) -> TransferSite:
    values = {"op": "aten::_to_copy", "where": place(7), "count": 5, "bytes": 320, "in_loop": True}
    return TransferSite(kind=kind, **{**values, "steps": (0, 1, 2, 3, 4), **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("transfer", "audit"),
    [
        (site("H2D"), host_to_device_in_loop),
        (site("H2D", identical_content=True), loop_invariant_copy),
        (site("D2H"), device_to_host_in_loop),
        (site("SYNC"), sync_in_loop),
    ],
)
def test_each_is_found_once(transfer: TransferSite, audit: Any) -> None:
    found = [(each, list(each.audit(facts(transfer)))) for each in AUDITS]
    assert [each for each, findings in found if findings] == [audit]
    (finding,) = next(findings for each, findings in found if findings)
    assert finding.locations == (place(7),)
    assert finding.count_per_step == 1
    assert finding.evidence["bytes_per_visit"] == 64
    assert "not confirmed" in finding.evidence["device"]


@pytest.mark.parametrize("kind", ["H2D", "D2H", "SYNC"])
def test_outside_of_the_loop_it_costs_once(kind: str) -> None:
    set_up = site(kind, in_loop=False, steps=())
    assert not any(list(each.audit(facts(set_up))) for each in AUDITS)


def test_a_site_of_the_first_step_alone_says_so() -> None:
    (finding,) = sync_in_loop.audit(facts(site("SYNC", count=2, steps=(0,))))
    assert finding.severity == "low"
    assert finding.evidence["steps"] == "1 of 5, the first alone"
