"""What the published loop does needlessly is really done, and as often as was counted on the published code."""

import collections

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

STEPS = 4
CALLS = STEPS + 1


class OperatorCount(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: collections.Counter[str] = collections.Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.calls[func.overloadpacket._qualified_op_name.removeprefix("aten::")] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def one_call(golden_model: torch.nn.Module) -> collections.Counter[str]:
    """Operators of one UNet call of the full topology, and its checkpointing calls."""
    from latent_diffusion.checkpointing import RecomputedInBackward

    forward, checkpoints = RecomputedInBackward.forward, []
    latents, context = torch.randn(2, 4, 16, 16), torch.randn(2, 77, 64)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad(), OperatorCount() as count:
        patch.setattr(
            RecomputedInBackward, "forward", staticmethod(lambda *args: (checkpoints.append(1), forward(*args))[1])
        )
        golden_model.apply_model(latents, torch.tensor([1, 1]), context)
    count.calls["checkpoint"] = len(checkpoints)
    return count.calls


@pytest.mark.parametrize(
    ("operator", "times"),
    [
        ("_softmax", 32),  # 16 transformers, two attentions each
        ("bmm", 64),
        ("checkpoint", 38),  # 22 residual blocks and 16 transformers
        ("native_group_norm", 61),
        ("permute", 480),
        ("mm", 32 * 3),  # queries, keys, values: of the prompt, too
        ("addmm", 2 + 22 + 16 * 6),
        ("silu", 2 * 22 + 22 + 1 + 1),
        ("convolution", 66),
        ("arange", 1),
        ("cat", 1 + 1 + 12),  # embedding, context, features handed across
    ],
)
def test_one_call_of_the_full_topology(one_call: collections.Counter[str], operator: str, times: int) -> None:
    assert one_call[operator] == times


def test_the_loop(golden_model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    from latent_diffusion.plms import PLMSSampler

    start_noise, c, uc = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 64), torch.randn(1, 77, 64)
    monkeypatch.setattr(golden_model.model.diffusion_model, "forward", lambda x, t, context: x * 0.5)
    with OperatorCount() as count:
        PLMSSampler(golden_model).sample(STEPS, start_noise, c, 9.0, uc)
    assert count.calls["full"] == 4 * CALLS + 2 * STEPS  # four coefficients a call, two timesteps a step
    assert count.calls["_local_scalar_dense"] == 3 * CALLS  # on a GPU, each of them waits for it
    assert count.calls["randn"] == CALLS
    assert count.calls["cat"] == 4 * CALLS  # latents, timesteps, context, and the context alone once more


def test_checkpointing_gives_the_gradients_of_the_plain_call() -> None:
    from latent_diffusion.checkpointing import checkpoint

    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 3)
    x = torch.randn(2, 3, requires_grad=True)
    gradients = []
    for enabled in (False, True):
        out = checkpoint(lambda x: layer(x).tanh(), (x,), layer.parameters(), enabled)
        gradients.append(torch.autograd.grad(out.square().sum(), (x, *layer.parameters())))
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)
