"""A case for every row of the table, and for what does not wait although it looks as if it would."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from sdprof.device import SYNCHRONISING_OPS
from tests.device.conftest import Run


def operands() -> SimpleNamespace:
    torch.manual_seed(0)
    device = "cuda"
    return SimpleNamespace(
        x=torch.randn(3, 4, device=device),
        positive=torch.rand(3, 4, device=device) + 0.1,
        mask=torch.tensor([[True, False, True, False]] * 3, device=device),
        index=torch.tensor([0, 2], device=device),
        counts=torch.tensor([1, 2, 1], device=device),
        matrix=torch.eye(4, device=device) * 2 + 0.1,
        scalar=torch.tensor(2.0, device=device),
        many=torch.arange(100, device=device),
    )


WAIT = [("SYNC", "_local_scalar_dense")]
CONSECUTIVE = [("SYNC", "unique_dim_consecutive")]
SOLVED = [("SYNC", "_linalg_solve_ex")]
CHECKED = {
    "cholesky": [("SYNC", "linalg_cholesky_ex")],
    "lu": [("SYNC", "linalg_lu_factor_ex")],
    "ldl": [("SYNC", "linalg_ldl_factor_ex")],
}
MASK = torch.tensor([True, False])
WAITS: list[tuple[str, Callable[[Any], Any], list[tuple[str, str]]]] = [
    ("item", lambda o: o.x.max().item(), WAIT),
    ("float", lambda o: float(o.scalar), WAIT),
    ("int", lambda o: int(o.scalar), WAIT),
    ("bool", lambda o: bool(o.scalar), WAIT),
    ("if", lambda o: 1 if o.scalar > 1 else 2, WAIT),
    ("range", lambda o: range(int(o.scalar)), WAIT),
    ("list index", lambda o: ["a", "b", "c"][o.index[1]], WAIT),
    ("slice end", lambda o: o.many[: o.index[1]], WAIT),
    ("tensor index of no dimensions", lambda o: o.many[o.index[1]], WAIT),
    ("max of Python", lambda o: max(o.scalar, o.scalar + 1), WAIT),
    ("sorted", lambda o: sorted([o.scalar, o.scalar + 1]), WAIT),
    ("in", lambda o: 2.0 in o.x, WAIT),
    ("math", lambda o: math.sqrt(o.scalar), WAIT),
    ("f-string", lambda o: f"{o.scalar:.2f}", WAIT),
    ("percent format", lambda o: "%f" % o.scalar, WAIT),  # noqa: UP031
    ("tolist of a number", lambda o: o.scalar.tolist(), WAIT),
    ("full with a device number", lambda o: torch.full((2,), o.scalar, device="cuda"), WAIT),
    ("arange to a device number", lambda o: torch.arange(o.scalar, device="cuda"), WAIT),
    ("tensor of a list of device numbers", lambda o: torch.tensor([o.scalar, 1.0]), WAIT),
    ("one_hot without classes", lambda o: F.one_hot(o.index), WAIT),
    ("isnan().any()", lambda o: bool(torch.isnan(o.x).any()), WAIT),
    ("nonzero", lambda o: o.x.nonzero(), [("SYNC", "nonzero")]),
    ("where of a condition", lambda o: torch.where(o.mask), [("SYNC", "nonzero")]),
    ("argwhere", lambda o: torch.argwhere(o.mask), [("SYNC", "nonzero")]),
    ("masked_select", lambda o: o.x.masked_select(o.mask), [("SYNC", "masked_select")]),
    ("unique", lambda o: o.x.unique(), [("SYNC", "_unique2")]),
    ("unique along a dimension", lambda o: o.x.unique(dim=0), [("SYNC", "unique_dim")]),
    ("unique of old", lambda o: torch._unique(o.x), [("SYNC", "_unique")]),
    ("unique neighbours along a dimension", lambda o: torch.ops.aten.unique_dim_consecutive(o.x, 0), CONSECUTIVE),
    ("unique_consecutive", lambda o: o.x.unique_consecutive(), [("SYNC", "unique_consecutive")]),
    ("equal", lambda o: torch.equal(o.x, o.x + 0), [("SYNC", "equal")]),
    ("allclose", lambda o: torch.allclose(o.x, o.x), [("SYNC", "allclose")]),
    ("repeat_interleave", lambda o: o.x.repeat_interleave(o.counts, 0), [("SYNC", "repeat_interleave")]),
    ("bincount", lambda o: o.index.bincount(), [("SYNC", "bincount")]),
    ("histc", lambda o: torch.histc(o.x), [("SYNC", "histc")]),
    ("multinomial", lambda o: torch.multinomial(o.positive, 2), [("SYNC", "multinomial")]),
    ("normal", lambda o: torch.normal(o.x, o.positive), [("SYNC", "normal")]),
    ("normal around a number", lambda o: torch.normal(0.0, o.positive), [("SYNC", "normal")]),
    ("masked_fill of a device number", lambda o: o.x.masked_fill(o.mask, o.scalar), [("SYNC", "masked_fill")]),
    ("masked_fill_ of a device number", lambda o: o.x.masked_fill_(o.mask, o.scalar), [("SYNC", "masked_fill_")]),
    ("index_fill of a device number", lambda o: o.x.index_fill(0, o.index, o.scalar), [("SYNC", "index_fill")]),
    ("index_fill_ of a device number", lambda o: o.x.index_fill_(0, o.index, o.scalar), [("SYNC", "index_fill_")]),
    ("host tensor filled with a device number", lambda o: torch.ones(2).fill_(o.scalar), [("SYNC", "fill_")]),
    ("filled copy of a host tensor", lambda o: torch.fill(torch.ones(2), o.scalar), [("SYNC", "fill")]),
    ("host tensor masked", lambda o: torch.ones(2).masked_fill_(MASK, o.scalar), [("SYNC", "masked_fill_")]),
    ("linspace", lambda o: torch.linspace(0, o.scalar, 3, device="cuda"), [("SYNC", "linspace")]),
    ("logspace", lambda o: torch.logspace(o.scalar, 3, 3, device="cuda"), [("SYNC", "logspace")]),
    ("isin of many", lambda o: torch.isin(o.index, o.many), [("SYNC", "isin")]),
    (
        "searchsorted through a sorter",
        lambda o: torch.searchsorted(o.many, o.index, sorter=o.many),
        [("SYNC", "searchsorted")],
    ),
    ("pinv", lambda o: torch.linalg.pinv(o.x), [("SYNC", "linalg_pinv")]),
    ("pinv of a hermitian", lambda o: torch.linalg.pinv(o.matrix, hermitian=True), [("SYNC", "linalg_pinv")]),
    (
        "the gradient of masked_scatter",
        lambda o: torch.ops.aten.masked_scatter_backward(o.x, o.mask, [12]),
        [("SYNC", "masked_scatter_backward")],
    ),
    (
        "a padding mask looked at",
        lambda o: torch._nested_tensor_from_mask_left_aligned(o.x[None], o.mask[:1, :3]),
        [("SYNC", "_nested_tensor_from_mask_left_aligned")],
    ),
    ("solve", lambda o: torch.linalg.solve(o.matrix, o.matrix), [("SYNC", "_linalg_check_errors")]),
    ("inv", lambda o: torch.linalg.inv(o.matrix), [("SYNC", "_linalg_check_errors")]),
    ("cholesky", lambda o: torch.linalg.cholesky(o.matrix), [("SYNC", "_linalg_check_errors")]),
    ("inv_ex with a check", lambda o: torch.linalg.inv_ex(o.matrix, check_errors=True), [("SYNC", "linalg_inv_ex")]),
    ("solve_ex with a check", lambda o: torch.linalg.solve_ex(o.matrix, o.x[0], check_errors=True), SOLVED),
    ("cholesky_ex with a check", lambda o: torch.linalg.cholesky_ex(o.matrix, check_errors=True), CHECKED["cholesky"]),
    ("lu_factor_ex with a check", lambda o: torch.linalg.lu_factor_ex(o.matrix, check_errors=True), CHECKED["lu"]),
    ("ldl_factor_ex with a check", lambda o: torch.linalg.ldl_factor_ex(o.matrix, check_errors=True), CHECKED["ldl"]),
    ("eigvals", lambda o: torch.linalg.eigvals(o.matrix), [("SYNC", "linalg_eig")]),
    ("eigvals alone", lambda o: torch.ops.aten._linalg_eigvals(o.matrix), [("SYNC", "_linalg_eigvals")]),
    ("eigh", lambda o: torch.linalg.eigh(o.matrix), [("SYNC", "_linalg_eigh")]),
    ("svd", lambda o: torch.linalg.svd(o.matrix), [("SYNC", "_linalg_svd")]),
    ("lstsq", lambda o: torch.linalg.lstsq(o.matrix, o.matrix), [("SYNC", "linalg_lstsq")]),
    ("eig", lambda o: torch.linalg.eig(o.matrix), [("SYNC", "linalg_eig")]),
    ("matrix_exp", lambda o: torch.linalg.matrix_exp(o.matrix), [("SYNC", "linalg_matrix_exp")]),
    (
        "segment_reduce",
        lambda o: torch.segment_reduce(o.x[:2], "sum", lengths=torch.ones_like(o.index)),
        [("SYNC", "segment_reduce")],
    ),
    ("mask in an index", lambda o: o.x[o.mask], [("SYNC", "index")]),
    ("assignment through a mask", lambda o: o.x.__setitem__(o.mask, o.scalar), [("SYNC", "index_put_")]),
]
if hasattr(torch.ops.aten, "cholesky"):  # gone from 2.14 on
    WAITS.append(("cholesky of old", lambda o: torch.ops.aten.cholesky(o.matrix), [("SYNC", "cholesky")]))

QUIET: list[tuple[str, Callable[[Any], Any]]] = [
    ("assignment of a number through a mask", lambda o: o.x.__setitem__(o.mask, 0.0)),
    ("assignment of a number through a mask and dots", lambda o: o.x.__setitem__((..., o.mask[0]), 0.0)),
    ("masked_fill of a number", lambda o: o.x.masked_fill(o.mask, 0.0)),
    ("where of three", lambda o: torch.where(o.mask, o.x, 0.0)),
    ("equal to itself", lambda o: torch.equal(o.x, o.x)),
    ("equal of different sizes", lambda o: torch.equal(o.x, o.index)),
    ("repeat_interleave of a number", lambda o: o.x.repeat_interleave(2, 0)),
    ("repeat_interleave with output_size", lambda o: o.x.repeat_interleave(o.counts, 0, output_size=4)),
    ("histc with a range", lambda o: torch.histc(o.x, min=-1, max=1)),
    ("multinomial with replacement", lambda o: torch.multinomial(o.positive, 2, replacement=True)),
    ("fill of a device tensor", lambda o: o.x.fill_(o.scalar)),
    ("normal_ in place", lambda o: o.x.normal_()),
    ("isin of few", lambda o: torch.isin(o.many, o.index)),
    ("one_hot with classes", lambda o: F.one_hot(o.index, 3)),
    ("solve_ex", lambda o: torch.linalg.solve_ex(o.matrix, o.matrix)),
    ("cholesky_ex", lambda o: torch.linalg.cholesky_ex(o.matrix)),
    ("det", lambda o: torch.linalg.det(o.matrix)),
    ("qr", lambda o: torch.linalg.qr(o.matrix)),
    ("quantile", lambda o: torch.quantile(o.x, 0.9)),
    ("sort", lambda o: o.x.sort()),
    ("topk", lambda o: o.x.topk(2)),
    ("median", lambda o: o.x.median()),
    ("index by device numbers", lambda o: o.x[o.index]),
    ("gather", lambda o: o.x.gather(0, o.index[None, :])),
    ("searchsorted", lambda o: torch.searchsorted(o.many, o.index)),
    ("clamp by tensors", lambda o: o.x.clamp(o.scalar * -1, o.scalar)),
    ("power of a device number", lambda o: o.x**o.scalar),
    ("a host number beside", lambda o: o.x * torch.tensor(0.5)),
    ("shape", lambda o: (o.x.shape, len(o.x), o.x.numel(), o.x.dtype, o.x.device, o.x.is_cuda)),
    ("iteration", lambda o: list(o.x)),
]


@pytest.mark.parametrize(("work", "expected"), [pytest.param(work, want, id=name) for name, work, want in WAITS])
def test_waits(work: Callable[[Any], Any], expected: list[tuple[str, str]], events_of: Run) -> None:
    given = operands()
    assert events_of(lambda: work(given)) == expected


@pytest.mark.parametrize("work", [pytest.param(work, id=name) for name, work in QUIET])
def test_does_not_wait(work: Callable[[Any], Any], events_of: Run) -> None:
    given = operands()
    assert events_of(lambda: work(given)) == []


@pytest.mark.parametrize("work", [pytest.param(work, id=name) for name, work, _ in WAITS])
def test_inference_mode_makes_no_difference(work: Callable[[Any], Any], events_of: Run) -> None:
    outside = operands()
    first = events_of(lambda: work(outside))
    with torch.inference_mode():
        inside = operands()
        assert events_of(lambda: work(inside)) == first


def test_every_operator_of_the_table_has_a_case() -> None:
    covered = {operator for _, _, events in WAITS for _, operator in events}
    named = {name.removeprefix("aten::").split(".")[0] for row in SYNCHRONISING_OPS for name in row.operators}
    assert {name for name in named - covered if hasattr(torch.ops.aten, name)} == set()


def test_a_row_says_why_and_where() -> None:
    for row in SYNCHRONISING_OPS:
        assert row.reason
        assert row.source.startswith("aten/src/ATen/native/")


def test_synchronize_of_device_stream_and_event(events_of: Run) -> None:
    def work() -> None:
        torch.cuda.synchronize()
        torch.cuda.current_stream().synchronize()
        event = torch.cuda.Event()
        event.record()
        event.synchronize()

    assert [operator for _, operator in events_of(work)] == [
        "torch.cuda.synchronize",
        "torch.cuda.Stream.synchronize",
        "torch.cuda.Event.synchronize",
    ]
