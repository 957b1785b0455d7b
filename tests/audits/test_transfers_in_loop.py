"""Copies and waits in the loop: each expression once, under the audit that knows its cure."""

from typing import Any

import pytest

from sdprof.audits import (
    cpu_created_then_moved,
    device_to_host_in_loop,
    host_to_device_in_loop,
    loop_invariant_copy,
    pageable_copy,
    sync_in_loop,
)
from sdprof.audits.registry import all_audits, run_audits
from sdprof.facts.facts import Facts
from sdprof.model import TransferProfile, TransferSite
from tests.audits.census import place

AUDITS = (device_to_host_in_loop, host_to_device_in_loop, loop_invariant_copy, sync_in_loop)


def facts(*sites: TransferSite, steps: int = 5) -> Facts:
    profile = TransferProfile(
        device="simulated", steps=steps, sites=sites, contents_known=True, origins_known=True, memory_known=True
    )
    return Facts().with_transfers(profile)


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


def test_large_copies_from_pageable_memory() -> None:
    large = site("H2D", bytes=5 * 100_000)
    (finding,) = pageable_copy.audit(facts(large))
    assert finding.locations == (place(7),)
    assert "pin_memory" in finding.explanation
    assert list(pageable_copy.audit(facts(site("D2H", bytes=5 * 100_000))))
    for fine in (
        site("H2D"),
        site("H2D", bytes=5 * 100_000, pinned=True),
        site("H2D", bytes=5 * 100_000, pinned=None),
        site("H2D", bytes=5 * 100_000, in_loop=False),
        site("SYNC", bytes=5 * 100_000),
    ):
        assert not list(pageable_copy.audit(facts(fine)))


def test_a_copy_that_was_asked_not_to_block_and_does() -> None:
    (finding,) = pageable_copy.audit(facts(site("H2D", non_blocking=True)))
    assert "asked not to block" in finding.explanation
    assert not list(pageable_copy.audit(facts(site("H2D", non_blocking=True, pinned=True))))


def test_a_tensor_that_is_made_on_the_host_and_moved() -> None:
    (finding,) = cpu_created_then_moved.audit(facts(site("H2D", made_at=place(5), made_by="aten::arange")))
    assert finding.locations == (place(7), place(5))
    assert finding.evidence["made_by"] == "aten::arange"
    assert not list(cpu_created_then_moved.audit(facts(site("H2D"), site("H2D", made_at=place(5), in_loop=False))))


def test_what_a_profile_cannot_tell_is_missing_and_not_passed() -> None:
    given = Facts().with_transfers(TransferProfile(device="cuda", steps=5, sites=(site("H2D"),)))
    _, missing = run_audits(given, all_audits())
    lacking = {gap.section for gap in missing}
    assert {"audit loop-invariant-copy", "audit cpu-created-then-moved", "audit pageable-copy"} <= lacking
    assert "audit host-to-device-in-loop" not in lacking
