"""Keywords that CUDA alone takes, or takes in other values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from sdprof.device import Simulation, simulate_without_values, to_host

MODES = [torch.enable_grad, torch.no_grad, torch.inference_mode]


@pytest.mark.parametrize("driver", [None, "gesvd", "gesvdj", "gesvda"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_singular_values_by_any_driver_of_cuda(
    driver: str | None, mode: Callable[[], Any], requires_grad: bool, device: Simulation
) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(5, 3)
    on_device = matrix.cuda().requires_grad_(requires_grad)
    outs = [torch.empty(0, device="cuda") for _ in range(3)]
    with mode():
        found = torch.linalg.svd(on_device, full_matrices=False, driver=driver)
        values = torch.linalg.svdvals(on_device, driver=driver)
        torch.linalg.svd(on_device.detach(), full_matrices=False, driver=driver, out=outs)
    whole = torch.linalg.svd(matrix, full_matrices=False)
    assert all(map(torch.equal, to_host(tuple(each.detach() for each in found)), whole))
    torch.testing.assert_close(to_host(values.detach()), whole.S)
    assert torch.equal(to_host(outs[1]), whole.S)
    if values.requires_grad:
        values.sum().backward()
        assert on_device.grad is not None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("driver", ["gesdd", ""])
def test_another_driver_is_refused_as_on_cuda(driver: str, mode: Callable[[], Any], device: Simulation) -> None:
    matrix = torch.ones(3, 3, device="cuda")
    for work in (torch.linalg.svd, torch.linalg.svdvals):
        with (
            mode(),
            pytest.raises(RuntimeError, match=rf"torch.linalg.svd: unknown svd driver {driver} in svd_cusolver"),
        ):
            work(matrix, driver=driver)


def test_on_the_host_a_driver_is_refused_still(device: Simulation) -> None:
    with pytest.raises(RuntimeError, match="only supported on CUDA"):
        torch.linalg.svd(torch.ones(3, 3), driver="gesvd")


def test_without_values_a_driver_is_taken() -> None:
    with simulate_without_values():
        found = torch.linalg.svd(torch.ones(3, 3, device="cuda"), driver="gesvd")
    assert found.S.shape == (3,)


@pytest.mark.parametrize("driver", ["gelsy", "gelsd", "gelss", "other"])
def test_least_squares_have_one_driver(driver: str, device: Simulation) -> None:
    matrix = torch.eye(3, device="cuda")
    assert torch.equal(to_host(torch.linalg.lstsq(matrix, matrix, driver="gels").solution), torch.eye(3))
    with pytest.raises(RuntimeError, match="`driver` other than `gels` is not supported on CUDA"):
        torch.linalg.lstsq(matrix, matrix, driver=driver)


Product = Callable[..., Tensor]
PRODUCTS: dict[str, Callable[[Tensor], tuple[Product, list[Tensor]]]] = {
    "mm": lambda x: (torch.mm, [x[0], x[1]]),
    "bmm": lambda x: (torch.bmm, [x, x + 1]),
    "addmm": lambda x: (torch.addmm, [x[0], x[0], x[1]]),
    "baddbmm": lambda x: (torch.baddbmm, [x, x, x + 1]),
}


@pytest.mark.skipif(not hasattr(torch.ops.aten.mm, "dtype"), reason="this PyTorch has no out_dtype")
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_products_with_a_type_of_their_own(name: str, dtype: torch.dtype, device: Simulation) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 3).to(dtype)
    product, factors = PRODUCTS[name](x)
    on_device = [each.cuda() for each in factors]
    found = product(*on_device, out_dtype=torch.float32)
    out = torch.empty(0, device="cuda")
    product(*on_device, out_dtype=torch.float32, out=out)
    expected = product(*(each.float() for each in factors))
    assert torch.equal(to_host(found), expected)
    assert torch.equal(to_host(out), expected)
    if dtype == torch.float32:
        with pytest.raises(RuntimeError, match="out_dtype must be the same as input dtype or fp32"):
            product(*on_device, out_dtype=torch.float16)
