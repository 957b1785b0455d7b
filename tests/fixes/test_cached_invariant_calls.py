import pytest
import torch

from sdprof.fixes import cached_invariant_calls
from sdprof.fixes.cached_invariant_calls import apply
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.machinery.caching import CachedForward, InputChangedError
from sdprof.model import ModuleCalls, ModuleProfile
from tests.fixes.models import SmallUNet, small_unet_inputs


def profile_of(*names_and_inputs, calls=4, flops=10**9, kind="Linear"):
    return ModuleProfile(
        steps=calls,
        run_seconds=1.0,
        modules=tuple(
            ModuleCalls(
                name=name,
                class_name=kind,
                calls=calls,
                seconds=0.1,
                flops=flops,
                parameters=1,
                leaf=True,
                distinct_inputs=inputs,
                output_bytes=64,
            )
            for name, inputs in names_and_inputs
        ),
    )


def count_calls(module, run):
    calls = []
    original = torch.nn.functional.linear

    def linear(x, weight, bias=None):
        calls.append(weight is module.weight)
        return original(x, weight, bias)

    torch.nn.functional.linear = linear
    try:
        result = run()
    finally:
        torch.nn.functional.linear = original
    return sum(calls), result


@pytest.fixture
def wide_layers(monkeypatch):
    """These layers are too small to be worth a cache; the test is of the cache."""
    monkeypatch.setattr(cached_invariant_calls, "LEAST_FLOPS_PER_MOVED_BYTE", 0)


@pytest.mark.parametrize("name", ["text", "unet.text"])
def test_computed_once_per_run_with_the_same_bits(loop_of, wide_layers, name):
    loop = loop_of(SmallUNet(), *small_unet_inputs(), steps=4)
    before_calls, before = count_calls(loop.module.text, loop.run)
    loop.subject.modules = profile_of((name, 1))
    did = apply(loop.subject)
    for _ in range(2):
        calls, after = count_calls(loop.module.text, loop.run)
        assert calls == 1 < before_calls == 4
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert "3 calls and" in did[0]


def test_another_input_or_another_mode_is_computed_anew():
    layer = torch.nn.Linear(8, 8)
    original, cached = layer.forward, CachedForward(layer, "cpu")
    one, two = torch.randn(2, 8), torch.randn(2, 8)
    with torch.no_grad():
        assert torch.equal(cached(one), original(one))
        assert torch.equal(cached(two), original(two))
        one.copy_(two * 2)  # the caller reuses its buffer
        assert torch.equal(cached(one), original(one))
        assert cached(torch.randn(3, 8)).shape == (3, 8)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert cached(one).dtype == torch.bfloat16
    assert cached(one).requires_grad
    with torch.inference_mode():
        cached(one)
    with torch.no_grad():
        assert not cached(one).is_inference()


def test_writing_to_the_result_spoils_nothing():
    layer = torch.nn.Linear(8, 8)
    cached, x = CachedForward(layer, "cpu"), torch.randn(2, 8)
    with torch.no_grad():
        first = cached(x)
        kept = first.clone()
        first.mul_(0)
        assert torch.equal(cached(x), kept)


def test_a_new_run_forgets():
    layer = torch.nn.Linear(8, 8)
    cached, x = CachedForward(layer, "cpu"), torch.randn(2, 8)
    with torch.no_grad():
        cached(x)
        layer.weight.mul_(2)
        cached.forget()
        assert torch.equal(cached(x), torch.nn.functional.linear(x, layer.weight, layer.bias))


def test_where_nothing_is_waited_for_a_change_is_reported_at_the_end(monkeypatch):
    layer = torch.nn.Linear(8, 8, device="meta").to_empty(device="cpu")
    cached = CachedForward(layer, "cpu")
    x = torch.zeros(2, 8)
    # Take the way of a device that cannot be compared with at once.
    monkeypatch.setattr(CachedForward, "_waits_for_nothing", lambda self, device: True)
    with torch.no_grad():
        with cached.checked():
            cached(x)
            cached(x.clone())
        cached.forget()
        run = cached.checked()
        run.__enter__()
        cached(x)
        cached(x + 1)
        with pytest.raises(InputChangedError, match="leave the fix out"):
            run.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("profile", "because"),
    [
        (None, "No module profile"),
        (profile_of(("text", 4)), "No Linear or Conv"),
        (profile_of(("text", 1), calls=1), "No Linear or Conv"),
        (profile_of(("gone", 1)), "No Linear or Conv"),
        (profile_of(("text", 1), flops=100), "No Linear or Conv"),
    ],
)
def test_declines(loop_of, profile, because):
    loop = loop_of(SmallUNet(), *small_unet_inputs())
    loop.subject.modules = profile
    with pytest.raises(DeclinedError, match=because):
        apply(loop.subject)
    assert "forward" not in loop.module.text.__dict__
