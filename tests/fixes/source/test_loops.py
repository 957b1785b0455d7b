"""Sampling loops of several schools: what is copied and awaited in every step falls, and the bits stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixes.source.workbench import cure_file

LOOPS = Path(__file__).parent / "loops"


@pytest.mark.parametrize("name", sorted(file.stem for file in LOOPS.glob("*.py")))
def test_nothing_is_left_in_the_steps(name: str) -> None:
    cured = cure_file(LOOPS / f"{name}.py")
    assert cured.same_bits
    assert not [each for each in cured.stayed if "fault of sdprof" in each]
    assert cured.after.late == 0, [(site.kind, site.where.line, site.where.code) for site in cured.after.sites]
    assert name == "faultless" or cured.before.late > 0
    assert name != "faultless" or not cured.composed


@pytest.mark.parametrize("name", ["nested_corrections", "asked_again"])
def test_what_an_inner_loop_leaves_is_not_done_in_each_pass_of_the_outer_one(name: str) -> None:
    cured = cure_file(LOOPS / f"{name}.py")
    assert name != "asked_again" or cured.before.outside
    assert cured.after.late == 0
    assert not cured.after.outside


def test_what_stands_around_the_loop_over_chunks_is_done_in_the_steps() -> None:
    cured = cure_file(LOOPS / "one_chunk.py")
    assert not cured.before.outside
    around = [site for site in cured.before.sites if "chunk" not in site.where.code]
    assert {tuple(site.steps) for site in around} >= {(0, 1, 2, 3)}
    assert len(around) == 5
