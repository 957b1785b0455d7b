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
    assert cured.after.late == 0, [(site.kind, site.where.line, site.where.code) for site in cured.after.sites]
    assert name == "faultless" or cured.before.late > 0
    assert name != "faultless" or not cured.composed


@pytest.mark.parametrize("name", ["nested_corrections", "asked_again", "one_chunk"])
def test_what_an_inner_loop_leaves_is_not_done_in_each_pass_of_the_outer_one(name: str) -> None:
    cured = cure_file(LOOPS / f"{name}.py")
    assert name != "asked_again" or cured.before.outside
    assert cured.after.late == 0
    assert not cured.after.outside
