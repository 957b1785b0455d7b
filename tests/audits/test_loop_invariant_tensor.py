"""What each step makes again is found by expression; what changes, and what others report, is not."""

import dataclasses

import pytest

from sdprof.audits.loop_invariant_tensor import audit
from sdprof.facts.facts import Facts
from sdprof.model import Location, ModuleProfile, OperatorSite, TransferProfile, TransferSite
from tests.audits.census import facts, site

LARGE = 4 * 2**20


def known(*sites: OperatorSite) -> Facts:
    given = facts(*sites)
    assert given.operators is not None
    return dataclasses.replace(given, operator_contents=given.operators)


def again(op: str = "aten::cat", line: int = 10, **fields: object) -> OperatorSite:
    values = {"identical_content": True, "input_shapes": ((1, 77), (1, 77)), "output_bytes": LARGE, "calls": 4}
    return site(op, line, **{**values, **fields})


def test_finds_the_expression_with_its_bytes() -> None:
    (finding,) = audit(known(again(output_dtype="float32")))
    assert finding.title == "The same tensor is made again in each step"
    assert finding.fixes == ("hoist-loop-invariant",)
    assert finding.severity == "low"
    assert finding.count_per_step == 1
    assert finding.evidence["operators"] == "cat"
    assert finding.evidence["kib_per_step"] == 1024
    assert finding.evidence["shapes"] == "1 × 77"
    assert finding.cost is not None
    assert finding.cost.predicted_ms_per_step == pytest.approx(1e3 * 2 * 2**20 / 1e10)


def test_a_constant_is_not_read() -> None:
    (finding,) = audit(known(again("aten::full", input_shapes=())))
    assert finding.cost is not None
    assert finding.cost.predicted_ms_per_step == pytest.approx(1e3 * 2**20 / 1e10)
    assert "where these cannot change" in finding.explanation


def test_it_is_of_medium_severity_where_it_is_a_considerable_part_of_a_step() -> None:
    for run_seconds, severity in ((0.08, "medium"), (0.09, "low")):
        profile = ModuleProfile(steps=4, run_seconds=run_seconds, modules=())
        (finding,) = audit(dataclasses.replace(known(again()), modules=profile))
        assert finding.severity == severity


@pytest.mark.parametrize(
    "fields",
    [
        {"identical_content": False},
        {"input_shapes": ((1, 77),)},  # a cat of one
        {"where": Location(file="", line=0)},
    ],
)
def test_what_changes_or_is_reported_elsewhere_is_left_alone(fields: dict[str, object]) -> None:
    assert not list(audit(known(again(**fields))))


def test_the_smallest_of_many_small_ones_are_one_finding() -> None:
    large, small = again(line=10), [again(line=20 + number, output_bytes=4096 - number) for number in range(30)]
    first, *others, last = audit(known(*small, large))
    assert first.locations[0].line == 10
    assert [finding.locations[0].line for finding in others] == list(range(20, 28))
    assert last.title == "Further small tensors are made again in each step, with the same content"
    assert len(last.locations) == last.evidence["expressions"] == 22


def test_what_is_made_inside_of_another_expression_counts_to_it() -> None:
    whole = Location(file="/home/user/model.py", line=10, column=8, end_line=10, end_column=60, function="f")
    part = Location(file="/home/user/model.py", line=10, column=20, end_line=10, end_column=40, function="f")
    (finding,) = audit(known(again("aten::repeat", where=part), again(where=whole)))
    assert finding.locations == (whole, part)
    assert finding.evidence["kib_per_step"] == 2048


def test_operators_of_a_library_are_at_the_users_expression() -> None:
    library = Location(file="/site-packages/einops.py", line=3, column=0, end_line=3, end_column=9)
    (finding,) = audit(known(again("aten::repeat", library=(library,))))
    assert finding.locations[0].file == "/home/user/model.py"
    assert finding.locations[1:] == (library,)


def test_what_is_copied_from_the_host_is_told_by_the_copy() -> None:
    cast = again("aten::_to_copy", 10)
    copy = TransferSite(kind="H2D", op="aten::_to_copy", where=cast.where, count=4, bytes=LARGE, in_loop=True)
    given = known(cast, again(line=20))
    (finding,) = audit(given.with_transfers(TransferProfile(device="simulated", steps=4, sites=(copy,))))
    assert finding.locations[0].line == 20


def test_contents_that_nobody_compared_are_no_pass() -> None:
    assert facts(again()).absent(("operator_contents",))
