"""Tensors of the simulated device behave as CUDA tensors do."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from sdprof.device import Simulation, simulate, simulate_without_values, to_host


def test_it_says_it_is_on_cuda(device: Simulation) -> None:
    x = torch.ones(2, 3, device="cuda")
    assert x.device == torch.device("cuda", 0) == torch.device("cuda:0")
    assert x.device != torch.device("cpu")
    assert (x.is_cuda, x.is_cpu, x.get_device(), x.device.type) == (True, False, 0, "cuda")
    assert x.type() == "torch.cuda.FloatTensor"
    assert isinstance(x, torch.Tensor)
    assert isinstance(x, torch.cuda.FloatTensor)
    assert not isinstance(x, torch.cuda.HalfTensor)
    assert x.stride() == (3, 1)
    assert x.t().shape == (3, 2)


def test_its_class_has_the_name_that_users_know(device: Simulation) -> None:
    x = torch.ones(2, device="cuda")
    assert (type(x).__name__, str(type(x))) == ("Tensor", "<class 'torch.Tensor'>")
    with pytest.raises(TypeError, match=r"expected np.ndarray \(got Tensor\)"):
        torch.from_numpy(x)


def test_tensors_grow(device: Simulation) -> None:
    x = torch.ones(2, 3, device="cuda")
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            grown = torch.empty(0, device="cuda")
            assert torch.add(x, 1, out=grown) is grown
            assert grown.shape == (2, 3)
            assert (grown[1] * 2).tolist() == [4.0] * 3
            assert torch.empty(1, device="cuda").resize_(3).fill_(2).tolist() == [2.0] * 3
            assert torch.empty(0, device="cuda").set_(x).data_ptr() == x.data_ptr()


def test_default_device_contexts(device: Simulation) -> None:
    with torch.device("cuda"):
        assert torch.zeros(2).is_cuda
        assert torch.arange(2).is_cuda
        assert nn.Linear(2, 2).weight.is_cuda
    assert torch.zeros(2).device.type == "cpu"
    assert device.events == []


def test_moving_a_module_keeps_parameters_and_ties(device: Simulation) -> None:
    model = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3), "n": nn.BatchNorm1d(3)})
    model["b"].weight = model["a"].weight
    before = dict(model.named_parameters(remove_duplicate=False))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.to("cuda")
    after = dict(model.named_parameters(remove_duplicate=False))
    assert all(after[name] is before[name] for name in before)
    assert model["b"].weight is model["a"].weight
    assert all(p.is_cuda and isinstance(p, nn.Parameter) and p.requires_grad for p in model.parameters())
    assert optimizer.param_groups[0]["params"][0] is model["a"].weight
    assert model["n"].running_mean.is_cuda
    assert model.half()["a"].weight is before["a.weight"]
    assert model["a"].weight.dtype == torch.float16
    assert model.cpu()["a"].weight.device.type == "cpu"


def test_assigning_data_moves_a_parameter_in_place(device: Simulation) -> None:
    parameter = nn.Parameter(torch.ones(3))
    same = parameter
    parameter.data = parameter.data.cuda()
    assert same.is_cuda
    assert isinstance(same, nn.Parameter)
    parameter.data = parameter.data * 2
    assert to_host(parameter).tolist() == [2.0] * 3


def test_state_dict_and_deepcopy(device: Simulation) -> None:
    model = nn.Linear(3, 3).to("cuda")
    twin = copy.deepcopy(model)
    assert isinstance(twin.weight, nn.Parameter)
    assert twin.weight.is_cuda
    assert twin.weight.untyped_storage().data_ptr() != model.weight.untyped_storage().data_ptr()
    with torch.no_grad():
        twin.weight.zero_()
    before = len(device.events)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(to_host(twin.weight), to_host(model.weight))
    assert len(device.events) == before
    twin.load_state_dict({name: value.cpu() for name, value in model.state_dict().items()})
    assert [event.kind for event in device.events[before:]] == ["D2H", "D2H", "H2D", "H2D"]


def test_deepcopy_keeps_what_is_shared_and_what_hangs_on_a_tensor(device: Simulation) -> None:
    x = torch.zeros(2, 3, device="cuda")
    x.title = "latents"  # type: ignore[attr-defined]
    whole, row, again = copy.deepcopy([x, x[1], x])
    whole.add_(1)
    assert again is whole
    assert to_host(row).tolist() == [1.0] * 3
    assert row.storage_offset() == 3
    assert to_host(x).sum().item() == 0
    assert whole.title == "latents"
    assert device.events == []


def test_views_share_memory(device: Simulation) -> None:
    x = torch.zeros(4, 4, device="cuda")
    view = x[1:3].view(-1)
    view += 1
    x.t()[0, 0] += 5
    x.unsqueeze_(0)
    x.transpose_(1, 2)
    assert x.shape == (1, 4, 4)
    assert to_host(x).sum().item() == 13.0


@pytest.mark.parametrize("moved_inside", [False, True])
def test_inference_mode_before_and_after_the_model_is_moved(moved_inside: bool, device: Simulation) -> None:
    def build() -> tuple[nn.Module, torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(8 * 36, 3)).to("cuda")
        return model, torch.ones(2, 4, 8, 8, device="cuda")

    if not moved_inside:
        model, x = build()
    with torch.inference_mode():
        if moved_inside:
            model, x = build()
        outputs = model(x * 2)[:, 1:]
        rows = model[0].weight[0]
        rows.mul_(1)
        x[0].add_(0)
        assert outputs.is_inference()
        assert rows.is_inference() == moved_inside
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(8 * 36, 3))
    with torch.inference_mode():
        assert torch.equal(to_host(outputs), plain(torch.ones(2, 4, 8, 8) * 2)[:, 1:])


def test_autocast_follows_cudas_lists(device: Simulation) -> None:
    x = torch.randn(4, 4, device="cuda")
    with torch.autocast("cuda", dtype=torch.float16):
        assert (x @ x).dtype == torch.float16
        assert F.linear(x, x).dtype == torch.float16
        assert (x @ x).softmax(-1).dtype == torch.float32
        assert F.layer_norm(x.half(), (4,)).dtype == torch.float32
        assert (x + x).dtype == torch.float32
        assert (x.half() + x.half()).dtype == torch.float16
        assert torch.is_autocast_enabled("cuda")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x @ x).dtype == torch.float32
    with torch.amp.autocast("cuda"):
        assert (x @ x).dtype == torch.float16


def test_softmax_into_single_precision(device: Simulation) -> None:
    x = torch.randn(3, 4, device="cuda").half()
    assert x.softmax(-1, dtype=torch.float32).dtype == torch.float32
    assert torch.equal(to_host(x.softmax(-1, dtype=torch.float32)), to_host(x).softmax(-1, dtype=torch.float32))


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": True}, {"scale": 0.1}])
def test_attention_is_one_operator_with_the_hosts_bits(grad: bool, options: dict, device: Simulation) -> None:
    torch.manual_seed(0)
    given = [torch.randn(1, 2, 8, 4) for _ in range(3)]
    mask = torch.rand(8, 8) > 0.3
    on_host = [each.clone().requires_grad_(grad) for each in given]
    on_device = [each.cuda().requires_grad_(grad) for each in given]
    host_options = {**options, "attn_mask": mask} if "attn_mask" in options else options
    device_options = {**options, "attn_mask": mask.cuda()} if "attn_mask" in options else options
    expected = F.scaled_dot_product_attention(*on_host, **host_options)
    found = F.scaled_dot_product_attention(*on_device, **device_options)
    assert torch.equal(to_host(found), expected)
    if grad:
        expected.square().sum().backward()
        found.square().sum().backward()
        for left, right in zip(on_device, on_host, strict=True):
            assert torch.equal(to_host(left.grad), right.grad)


@pytest.mark.parametrize("backend", ["EFFICIENT_ATTENTION", "CUDNN_ATTENTION", "FLASH_ATTENTION", "MATH"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("grad", [False, True])
def test_attention_whichever_backend_the_user_asks_for(
    backend: str, dropout: float, grad: bool, device: Simulation
) -> None:
    query = torch.randn(1, 2, 8, 4, device="cuda", requires_grad=grad)
    before = torch.backends.cuda.math_sdp_enabled()
    with sdpa_kernel(getattr(SDPBackend, backend)):
        found = F.scaled_dot_product_attention(query, query, query, dropout_p=dropout)
    assert torch.backends.cuda.math_sdp_enabled() == before
    if not dropout:
        expected = F.scaled_dot_product_attention(*[to_host(query)] * 3)
        assert torch.allclose(to_host(found), expected, atol=1e-6)
    if grad:
        found.sum().backward()
        assert query.grad is not None


def test_batch_norm_and_grid_sample(device: Simulation) -> None:
    x = torch.randn(2, 3, 4, 4, device="cuda")
    norm = nn.BatchNorm2d(3).to("cuda")
    plain = nn.BatchNorm2d(3)
    for training in (True, False):
        assert torch.equal(to_host(norm.train(training)(x)), plain.train(training)(to_host(x)))
    grid = torch.rand(2, 5, 5, 2, device="cuda")
    sampled = F.grid_sample(x, grid, align_corners=False)
    assert torch.equal(to_host(sampled), F.grid_sample(to_host(x), to_host(grid), align_corners=False))
    assert not torch.backends.cudnn.enabled


def test_a_kernel_that_the_cpu_lacks_is_told_by_dtype(device: Simulation) -> None:
    with pytest.raises(NotImplementedError, match=r"no kernel of aten::linalg_qr for this dtype \(Half\)"):
        torch.linalg.qr(torch.ones(2, 2, device="cuda").half())
    with pytest.raises(NotImplementedError, match="exists on CUDA alone"):
        torch.ops.aten._thnn_fused_gru_cell(*(torch.ones(1, n, device="cuda") for n in (6, 6, 2)))


def test_print(device: Simulation) -> None:
    assert str(torch.tensor([1.0, 2.0], device="cuda")) == "tensor([1., 2.], device='cuda:0')"
    assert (
        str(torch.ones(1, dtype=torch.float16, device="cuda")) == "tensor([1.], device='cuda:0', dtype=torch.float16)"
    )
    assert str(torch.empty(0, 3, device="cuda")) == "tensor([], device='cuda:0', size=(0, 3))"
    assert str(torch.ones(1, device="cuda", requires_grad=True)) == "tensor([1.], device='cuda:0', requires_grad=True)"
    assert str(nn.Parameter(torch.ones(1, device="cuda"))).startswith("Parameter containing:\ntensor([1.], device")


def test_other_threads_see_the_device(device: Simulation) -> None:
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.ones(2).to("cuda") + torch.zeros(2, device="cuda")))
    thread.start()
    thread.join()
    assert to_host(seen[0]).tolist() == [1.0, 1.0]
    assert [event.kind for event in device.events] == ["H2D"]


def test_tensors_outlive_the_simulation() -> None:
    with simulate() as device:
        x = torch.ones(3, device="cuda")
    assert to_host({"a": [x * 2, (x,)], "b": 1})["a"][0].tolist() == [2.0] * 3
    assert device.events == []


def test_sparse_tensors_are_refused_in_a_sentence(device: Simulation) -> None:
    with pytest.raises(NotImplementedError, match="only dense ones"):
        torch.eye(3, device="cuda").to_sparse()


def test_nested_tensors_are_refused_in_a_sentence(device: Simulation) -> None:
    with pytest.raises(NotImplementedError, match="no nested tensors"):
        torch.nested.as_nested_tensor([torch.ones(2, device="cuda"), torch.ones(3, device="cuda")])


@pytest.mark.parametrize("simulation", [simulate, simulate_without_values])
def test_solvers_of_complex_matrices(simulation: Callable[[], AbstractContextManager[Simulation]]) -> None:
    torch.manual_seed(0)
    a, b = torch.randn(4, 3, dtype=torch.complex64), torch.randn(4, 2, dtype=torch.complex64)
    factors, pivots = torch.linalg.lu_factor(a[:3])
    solvers: list[Callable[[Callable[[torch.Tensor], torch.Tensor]], torch.Tensor]] = [
        lambda at: torch.linalg.pinv(at(a)),
        lambda at: torch.linalg.lstsq(at(a), at(b)).solution,
        lambda at: torch.linalg.lu_solve(at(factors), at(pivots), at(b[:3].mT), left=False),
        lambda at: torch.linalg.lu_solve(at(factors), at(pivots), at(b[:3].mT), left=False, adjoint=True),
    ]
    for solve in solvers:
        plain = solve(lambda tensor: tensor)
        with torch.no_grad(), simulation():
            solution = solve(lambda tensor: tensor.to("cuda"))
            torch.testing.assert_close(to_host(solution), plain)
            torch.testing.assert_close(to_host(solution * 1), plain * 1)


@pytest.mark.parametrize("simulation", [simulate, simulate_without_values])
def test_an_encoder_with_a_padding_mask_stays_dense(
    simulation: Callable[[], AbstractContextManager[Simulation]],
) -> None:
    with torch.no_grad(), simulation() as device:
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 1).to("cuda").eval()
        mask = torch.tensor([[False, False, True]], device="cuda")
        before = len(device.events)
        assert encoder(torch.randn(1, 3, 8, device="cuda"), src_key_padding_mask=mask).shape == (1, 3, 8)
        assert [event.kind for event in device.events[before:]] == ["SYNC"]


def test_forward_mode_derivatives(device: Simulation) -> None:
    x = torch.tensor([0.5, 1.0], device="cuda")
    value, derivative = torch.func.jvp(torch.sin, (x,), (torch.ones_like(x),))
    assert torch.equal(to_host(value), torch.sin(to_host(x)))
    assert torch.equal(to_host(derivative), torch.cos(to_host(x)))


def test_forward_over_reverse_begins_with_zeros_that_have_memory(device: Simulation) -> None:
    x = torch.tensor([0.5, 1.0], device="cuda")
    assert torch.equal(to_host(torch.func.hessian(lambda t: (t**3).sum())(x)), torch.diag(6 * to_host(x)))
    _, derivative = torch.func.jvp(torch.func.grad(lambda t: (t**3).sum()), (x,), (torch.ones_like(x),))
    assert torch.equal(to_host(derivative), 6 * to_host(x))


def test_scripted_functions_may_make_tensors(device: Simulation) -> None:
    def shifted(x: torch.Tensor) -> torch.Tensor:
        return x + torch.ones_like(x)

    assert torch.jit.script(shifted)(torch.zeros(2, device="cuda")).tolist() == [1, 1]


def test_vmap_and_complex_numbers(device: Simulation) -> None:
    x = torch.randn(3, 4, device="cuda")
    assert torch.equal(to_host(torch.vmap(lambda row: row * 2)(x)), to_host(x) * 2)
    assert torch.equal(to_host(torch.fft.fft(x).abs()), torch.fft.fft(to_host(x)).abs())
    assert torch.equal(to_host(torch.complex(x, x).conj().imag), -to_host(x))


def test_other_libraries_get_no_device_memory(device: Simulation) -> None:
    x = torch.ones(3, device="cuda")
    assert not hasattr(x, "__cuda_array_interface__")
    with pytest.raises(BufferError, match="no device memory"):
        x.__dlpack__()


def test_dlpack_from_pytorch_to_pytorch(device: Simulation) -> None:
    x = torch.zeros(3, device="cuda")
    for twin in (torch.from_dlpack(x), torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(x))):
        twin.add_(1)
        assert twin.is_cuda
    assert to_host(x).tolist() == [2.0] * 3
    with pytest.raises((BufferError, TypeError)):
        np.from_dlpack(x)
    assert torch.from_dlpack(np.ones(2)).tolist() == [1.0] * 2


def test_a_shallow_copy_shares_the_values(device: Simulation) -> None:
    x = torch.ones(3, device="cuda")
    copy.copy(x).add_(1)
    assert to_host(x).tolist() == [2.0] * 3
    assert device.events == []
