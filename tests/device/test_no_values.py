"""Runs without values: shapes, costs and memory, known small values, and a refusal where a value is missing."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sdprof.device import ValueNeededError, simulate_without_values
from sdprof.device.gpu_peaks import GPUS, find_gpu


def test_a_large_model_takes_no_memory_and_keeps_its_shapes() -> None:
    with torch.no_grad(), simulate_without_values() as device:
        model = nn.Sequential(nn.Linear(100_000, 10_000), nn.LayerNorm(10_000), nn.Linear(10_000, 4)).to("cuda")
        outputs = model(torch.randn(8, 100_000, device="cuda"))
        assert outputs.shape == (8, 4)
        assert outputs.is_cuda
        assert torch.cuda.memory_allocated() > 4e9
        assert device.costs.flops == 2 * 8 * (100_000 * 10_000 + 10_000 * 4)


def test_small_tables_keep_their_values() -> None:
    with torch.no_grad(), simulate_without_values() as device:
        table = torch.linspace(1, 0, 1000).to("cuda")
        assert table[500].item() == pytest.approx(0.4995, abs=1e-3)
        assert float(torch.cumprod(table.double(), 0)[1]) < 1
        index = (table < 0.5).nonzero()
        assert index.shape == (500, 1)
        assert [event.kind for event in device.events] == ["H2D", "SYNC", "SYNC", "SYNC"]


def test_a_value_that_was_not_computed_is_not_invented() -> None:
    with torch.no_grad(), simulate_without_values() as device:
        x = torch.randn(1, 4, 64, 64, device="cuda")
        for ask in (
            lambda: x.mean().item(),
            lambda: 1 if x.max() > 3 else 0,
            lambda: x[x > 3],
            lambda: x.nonzero(),
            lambda: x.cpu().numpy(),
            lambda: x.cpu().tolist(),
            lambda: torch.equal(x, x + 1),
            lambda: x.unique(),
            lambda: torch.from_numpy(x.cpu().numpy()),
            lambda: torch.allclose(x, x + 1),
            lambda: x.repeat_interleave(x[0, 0, 0].long(), 3),
            lambda: torch.save(x, io.BytesIO()),
        ):
            with pytest.raises(ValueNeededError) as error:
                ask()
            assert "test_no_values.py:" in str(error.value)
            assert "does not invent one" in str(error.value)
            assert error.value.frames[0].function.endswith("<lambda>")
        assert {event.kind for event in device.events} == {"SYNC", "D2H"}


def test_known_values_that_are_overwritten_are_forgotten_in_every_view() -> None:
    with torch.no_grad(), simulate_without_values():
        table = torch.zeros(10, device="cuda")
        view = table[2:4]
        table[3] = torch.randn(100_000, device="cuda").sum()
        with pytest.raises(ValueNeededError):
            view[0].item()
        host = torch.zeros(10)
        host += torch.randn(100_000).sum()
        with pytest.raises(ValueNeededError):
            host.numpy()


WRITERS: dict[str, Callable[[torch.Tensor, torch.Tensor], object]] = {
    "a list of tensors": lambda known, unknown: torch._foreach_add_([known], [unknown]),
    "out=": lambda known, unknown: torch.add(known, unknown, out=known),
    "in place": lambda known, unknown: known.add_(unknown),
    "a step of several tensors": lambda known, unknown: torch._amp_foreach_non_finite_check_and_unscale_(
        [unknown.reshape(1)], known, known + 1
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_whatever_an_operator_writes_to_is_forgotten(name: str) -> None:
    with torch.no_grad(), simulate_without_values():
        known, unknown = torch.zeros((), device="cuda"), torch.randn(100_000, device="cuda").sum()
        WRITERS[name](known, unknown)
        with pytest.raises(ValueNeededError):
            known.item()


def test_sequences_and_fills_without_values() -> None:
    with torch.no_grad(), simulate_without_values() as device:
        long = torch.ones(300, 3, 40, device="cuda")
        packed = torch.nn.utils.rnn.pack_padded_sequence(long, [300, 2, 1])
        assert packed.data.shape == (303, 40)
        assert packed.batch_sizes[:3].tolist() == [3, 2, 1]
        assert device.events == []
        assert torch.zeros(2).fill_(torch.tensor(2.0, device="cuda")).tolist() == [2.0] * 2
        assert [event.kind for event in device.events] == ["H2D", "SYNC"]
        with pytest.raises(ValueNeededError):
            torch.zeros(2).fill_(long.sum())


def test_conjugates() -> None:
    with torch.no_grad(), simulate_without_values():
        small, large = torch.ones(3, device="cuda"), torch.randn(100, 100, device="cuda")
        assert torch.polar(small, small).conj()[0].item().imag == pytest.approx(-0.8414710)
        conjugate = torch.polar(large, large).conj()
        assert conjugate.real.shape == conjugate.imag.shape == (100, 100)
        assert (conjugate.mT @ conjugate).dtype == torch.complex64
        with pytest.raises(ValueNeededError):
            conjugate[0, 0].item()


def test_a_tensor_that_is_turned_in_place_has_its_new_shape() -> None:
    with torch.no_grad(), simulate_without_values():
        large, small = torch.randn(100, 200, device="cuda"), torch.arange(6.0, device="cuda").reshape(2, 3)
        assert large.transpose_(0, 1).shape == large.shape == (200, 100)
        assert large.unsqueeze_(0).stride() == (200, 1, 200)
        assert small.t_().tolist() == [[0, 3], [1, 4], [2, 5]]
        sound = torch.randn(1, 16_000, device="cuda")
        assert torch.stft(sound, 400, return_complex=True, window=torch.hann_window(400).to("cuda")).shape[1] == 201


def test_memory_is_pinned_without_values() -> None:
    with torch.no_grad(), simulate_without_values() as device:
        for size in (10, 10_000):
            pinned = torch.zeros(size).pin_memory()
            assert pinned.is_pinned()
            assert not torch.zeros(size).is_pinned()
            assert pinned.to("cuda", non_blocking=True).to("cpu", non_blocking=True).is_pinned()
        assert [(event.kind, event.pinned) for event in device.events] == [("H2D", True), ("D2H", True)] * 2
        with pytest.raises(RuntimeError, match="cannot pin"):
            torch.zeros(10, device="cuda").pin_memory()
        device.recorder.step = 1
        torch.zeros(10_000, dtype=torch.float64).to("cuda", torch.float16)
        torch.zeros(10_000, dtype=torch.float64).to("cuda", torch.float16, non_blocking=True)
        assert [event.bytes for event in device.events if event.step == 1] == [20_000, 80_000]


def test_writing_through_a_mask_waits_without_values() -> None:
    with torch.no_grad(), simulate_without_values() as device:
        for size in (10, 10_000):
            x = torch.zeros(size, device="cuda")
            mask = x > 0
            written = x.index_put((mask,), torch.ones(1, device="cuda"))
            assert written.shape == x.shape
            x[mask] = torch.ones(1, device="cuda")
            x[mask] = 5.0
        assert [event.operator for event in device.events] == ["aten::index_put", "aten::index_put_"] * 2


def test_a_second_gpu_is_refused_without_values() -> None:
    with torch.no_grad(), simulate_without_values():
        x = torch.zeros(10_000, device="cuda")
        for ask in (lambda: x.to("cuda:1"), lambda: torch.empty_like(x, device="cuda:1")):
            with pytest.raises(RuntimeError, match="invalid device ordinal"):
                ask()


def test_shapes_agree_with_a_real_run() -> None:
    def work(device: str) -> list[tuple[tuple[int, ...], tuple[int, ...], torch.dtype]]:
        x = torch.zeros(2, 8, 32, 32, device=device)
        q = torch.zeros(2, 4, 256, 16, device=device)
        results = [
            F.conv2d(x, torch.zeros(16, 8, 3, 3, device=device), stride=2),
            F.group_norm(x, 4),
            F.interpolate(x, scale_factor=2),
            x.permute(0, 2, 3, 1).reshape(2, -1, 8),
            x.to(memory_format=torch.channels_last) * 2,
            F.scaled_dot_product_attention(q, q, q),
            torch.cat([x, x], 1).chunk(2, 1)[1].contiguous(),
            x.half().softmax(1, dtype=torch.float32),
            torch.einsum("bchw,bkhw->bck", x, x),
            x.amax((2, 3)),
        ]
        return [(tuple(each.shape), each.stride(), each.dtype) for each in results]

    with torch.no_grad(), simulate_without_values():
        first, second = work("cuda"), work("cuda")
    assert first == second == work("cpu")


def test_peak_memory_is_followed() -> None:
    with torch.no_grad(), simulate_without_values() as device:
        x = torch.zeros(1_000_000, device="cuda")
        device.memory.reset_peak()
        y = (x + 1) * 2
        assert device.memory.live_bytes == 2 * 4_000_256
        assert device.memory.peak_bytes == 3 * 4_000_256
        del y
        assert device.memory.live_bytes == 4_000_256


@pytest.mark.parametrize("gpu", GPUS)
def test_roofline_by_hand(gpu: str) -> None:
    with torch.no_grad(), simulate_without_values() as device:
        a = torch.zeros(1024, 1024, device="cuda", dtype=torch.float16)
        before = device.costs.calls.copy()
        b = a @ a
        b + b
        device.costs.calls -= before
    peaks = find_gpu(gpu)
    product = max(2 * 1024**3 / peaks.float16_flops, 3 * 2 * 1024**2 / peaks.bytes_per_second)
    total = 3 * 2 * 1024**2 / peaks.bytes_per_second
    assert device.roofline(gpu).seconds == pytest.approx(product + total)
    assert device.roofline(gpu).fits_in_memory
    assert peaks.source


def test_training_without_values() -> None:
    with simulate_without_values() as device:
        model = nn.Linear(1000, 1000).to("cuda")
        model(torch.randn(4, 1000, device="cuda")).square().mean().backward()
        assert model.weight.grad.shape == (1000, 1000)
        assert device.costs.flops == 2 * 2 * 4 * 1000 * 1000
