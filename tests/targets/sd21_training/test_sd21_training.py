"""The loss is the published one, and every way to compute a step gives the same gradients."""

import pytest
import torch

from tests.targets.load_target import Build, load_build
from tests.targets.sd21_original.conftest import relative_difference


@pytest.fixture(scope="module")
def build() -> Build:
    return load_build("sd21_training")


@pytest.fixture(scope="module")
def published(build: Build) -> dict[str, torch.Tensor]:
    return build(steps=1, batch_size=2).run()


@pytest.mark.parametrize(("attention", "checkpointing"), [("published", "0"), ("sdpa", "1"), ("sdpa", "0")])
def test_losses_and_gradients_are_those_of_the_published_step(
    build: Build, published: dict[str, torch.Tensor], attention: str, checkpointing: str
) -> None:
    extra = {"attention": attention, "checkpointing": checkpointing}
    found = build(steps=1, batch_size=2, extra=extra).run()
    assert found.keys() == published.keys()
    assert found["losses"].shape == (2,)
    for name, wanted in published.items():
        assert relative_difference(found[name], wanted) < 1e-4, name


def test_the_gradient_is_the_slope_of_the_loss(build: Build) -> None:
    workload = build(steps=1, extra={"checkpointing": "0"})
    weight = workload.hot_modules["unet"].get_parameter("input_blocks.0.0.weight")
    step = workload.run()
    direction = step["gradient_of_the_first_convolution"].clone()
    size = 1e-3 / direction.norm()
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(sign * size * direction)
            losses.append(workload.run()["losses"].double().mean())
            weight.sub_(sign * size * direction)
    slope = (losses[0] - losses[1]) / (2 * size)
    assert float(slope) == pytest.approx(float(direction.square().sum()), rel=0.05)


def test_a_run_begins_where_the_one_before_began(build: Build) -> None:
    workload = build(steps=2)
    first, second = workload.run(), workload.run()
    for name in first:
        assert torch.equal(first[name], second[name])


def test_float16_is_refused(build: Build) -> None:
    with pytest.raises(ValueError, match="loses small gradients"):
        build(dtype="float16")
