"""What CUDA forbids, with CUDA's words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sdprof.device import Simulation

TWO_DEVICES = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda x, h: x + h, TWO_DEVICES),
        (lambda x, h: h + x, TWO_DEVICES),
        (lambda x, h: x.add_(h), TWO_DEVICES),
        (lambda x, h: torch.tensor(1.0).add_(x[0, 0]), TWO_DEVICES),
        (lambda x, h: torch.where(x > 0, x, h), TWO_DEVICES),
        (lambda x, h: torch.lerp(x, h, 0.5), TWO_DEVICES),
        (lambda x, h: x.__setitem__(torch.zeros(1, dtype=torch.long, device="cuda"), h[:1]), TWO_DEVICES),
        (
            lambda x, h: x @ h,
            "Expected all tensors to be on the same device, but got mat2 is on cpu, different from other tensors on "
            "cuda:0 (when checking argument in method wrapper_CUDA_mm)",
        ),
        (
            lambda x, h: F.linear(h, x, x[0]),
            "Expected all tensors to be on the same device, but got mat1 is on cpu, different from other tensors on "
            "cuda:0 (when checking argument in method wrapper_CUDA_addmm)",
        ),
        (
            lambda x, h: torch.cat([x, h]),
            "Expected all tensors to be on the same device, but got tensors is on cpu, different from other tensors on "
            "cuda:0 (when checking argument in method wrapper_CUDA_cat)",
        ),
        (
            lambda x, h: F.embedding(torch.tensor([1]), x),
            "Expected all tensors to be on the same device, but got index is on cpu",
        ),
        (lambda x, h: torch.stack([x[0, 0], torch.tensor(1.0)]), "Expected all tensors to be on the same device"),
        (lambda x, h: F.scaled_dot_product_attention(x, h, x), "Expected all tensors to be on the same device"),
        (
            lambda x, h: F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 1, 1, device="cuda")),
            "Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same",
        ),
        (
            lambda x, h: h[torch.zeros(1, dtype=torch.long, device="cuda")],
            "indices should be either on cpu or on the same device as the indexed tensor (cpu)",
        ),
        (
            lambda x, h: torch.randn(2, device="cuda", generator=torch.Generator()),
            "Expected a 'cuda' device type for generator but found 'cpu'",
        ),
        (lambda x, h: torch.zeros(2, device="cuda:1"), "CUDA error: invalid device ordinal"),
        (lambda x, h: x.pin_memory(), "cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned"),
    ],
)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_refused(work, message: str, mode, device: Simulation) -> None:
    with mode(), pytest.raises(RuntimeError) as error:
        work(torch.ones(3, 3, device="cuda"), torch.ones(3, 3))
    assert message in str(error.value)


@pytest.mark.parametrize("convert", [lambda x: x.numpy(), np.array, np.asarray, np.sqrt, np.float32])
def test_numpy_takes_no_device_tensor(convert, device: Simulation) -> None:
    with pytest.raises(TypeError) as error:
        convert(torch.ones(3, device="cuda").sum())
    assert str(error.value) == (
        "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
    )


def test_a_host_number_may_stand_beside_device_tensors(device: Simulation) -> None:
    x = torch.ones(3, device="cuda")
    half = torch.tensor(0.5)
    assert (x * half).is_cuda
    assert torch.where(x > 0, x, half).is_cuda
    assert x.masked_fill(x > 0, half).is_cuda
    assert x.fill_(half).is_cuda
    assert device.events == []


def test_cuda_graphs_are_refused_in_a_sentence(device: Simulation) -> None:
    with pytest.raises(NotImplementedError, match="cannot capture CUDA graphs: run the loop eagerly"):
        torch.cuda.CUDAGraph()


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda n: n @ n, "\"addmm_cuda\" not implemented for 'Long'"),
        (lambda n: n @ n[0], "\"addmv_impl_cuda\" not implemented for 'Long'"),
        (lambda n: n[0] @ n[0], "\"dot\" not implemented for 'Long'"),
        (lambda n: torch.einsum("bij,bjk->bik", n[None], n[None]), "\"baddbmm_cuda\" not implemented for 'Long'"),
        (
            lambda n: F.interpolate(n[None, None].to(torch.uint8), scale_factor=2, mode="bilinear"),
            "\"upsample_bilinear2d_out_frame\" not implemented for 'Byte'",
        ),
        (
            lambda n: torch.histogram(n.float(), 3),
            "Could not run 'aten::histogram.bin_ct' with arguments from the 'CUDA' backend.",
        ),
    ],
)
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.inference_mode])
def test_what_cuda_lacks(work, message: str, mode, device: Simulation) -> None:
    with mode(), pytest.raises(NotImplementedError) as error:
        work(torch.ones(2, 2, device="cuda", dtype=torch.long))
    assert str(error.value).startswith(message)


def test_operators_without_cpu_kernel_are_refused_in_a_sentence(device: Simulation) -> None:
    with pytest.raises(NotImplementedError, match=r"computes with PyTorch's CPU kernels, and aten::_thnn"):
        torch.ops.aten._thnn_fused_lstm_cell(*(torch.ones(1, n, device="cuda") for n in (8, 8, 2)))
