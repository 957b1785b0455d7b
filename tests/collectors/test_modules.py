import pytest
import torch

from sdprof.collectors import modules

GUIDED = """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.keys = nn.Linear(6, 8, bias=False)
        self.queries = nn.Linear(8, 8, bias=False)
    def forward(self, x, *, context):
        k = self.keys(context)  # keys
        return nn.functional.scaled_dot_product_attention(self.queries(x), k, k)  # attention

class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Attention()
        self.unused = nn.Linear(2, 2)
        self.mix = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.SiLU())
    def forward(self, x, t, context):
        y = self.block(x, context=context)  # block
        return self.mix(y[:, :1])[:, :1] + x + t  # mix

net = Denoiser()
context = torch.ones(2, 3, 5, 6)

def run():
    torch.manual_seed(0)
    net(torch.zeros(2, 3, 4, 8), 0, context)  # warm-up
    y = torch.randn(2, 3, 4, 8)
    for t in range(3):
        y = net(y, t, context)  # call
    return y
"""


@pytest.fixture
def guided(watch):
    watched = watch(GUIDED)
    return watched, {module.name: module for module in modules.collect(watched).modules}


def test_calls_below_the_hot_module_inside_the_loop(guided):
    _, found = guided

    assert set(found) == {
        "net",
        "net.block",
        "net.block.keys",
        "net.block.queries",
        "net.mix",
        "net.mix.0",
        "net.mix.1",
    }
    assert {module.calls for module in found.values()} == {3}
    assert found["net.block"].class_name == "Attention"
    assert found["net.block.keys"].leaf
    assert not found["net.block"].leaf
    assert found["net.block"].parameters == 6 * 8 + 8 * 8
    assert found["net.block.keys"].output_bytes == 3 * (2 * 3 * 5 * 8) * 4


def test_same_inputs_are_told_from_different_ones(guided):
    _, found = guided

    assert found["net.block.keys"].distinct_inputs == 1
    assert found["net.block.queries"].distinct_inputs == 3
    assert found["net.block"].distinct_inputs == 3


def test_a_module_that_keeps_its_result_computes_once(watch, guided):
    watched, found = guided
    assert found["net.block.keys"].computing_calls == found["net.block.keys"].calls == 3
    assert found["net.mix.1"].computing_calls == 0  # an operator without FLOPs
    keys = watched.hot_modules["net"].block.keys
    forward, kept = keys.forward, []

    def once(context):
        kept.extend([] if kept else [forward(context)])
        return kept[0]

    keys.forward = once
    again = {module.name: module for module in modules.collect(watched).modules}["net.block.keys"]
    del keys.forward
    assert again.calls == 3
    assert again.computing_calls == 0  # what was kept in the timed run, nobody computes in the counted one


def test_expression_that_calls_a_module(guided, line_of):
    watched, found = guided

    assert found["net"].where.line == line_of(watched, "# call")
    assert found["net.block"].where.line == line_of(watched, "# block")
    assert found["net.mix.1"].where.line == line_of(watched, "# mix")
    assert found["net.block.keys"].where.code.strip() == "k = self.keys(context)  # keys"


def test_flops_by_formula(guided):
    _, found = guided
    keys = 2 * (2 * 3 * 5) * 6 * 8
    queries = 2 * (2 * 3 * 4) * 8 * 8
    scores_and_values = 2 * 2 * (2 * 3) * 4 * 5 * 8
    convolution = 2 * (2 * 2 * 4 * 8) * (1 * 3 * 3)

    assert found["net.block.keys"].flops == 3 * keys
    assert found["net.block"].flops == 3 * (keys + queries + scores_and_values)
    assert found["net.mix.0"].flops == found["net.mix"].flops == 3 * convolution
    assert found["net"].flops == found["net.block"].flops + found["net.mix"].flops


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_flops_do_not_depend_on_the_mode_of_autograd(watch, guided, context):
    watched, found = guided
    run = watched.run
    object.__setattr__(watched, "run", lambda: context()(run)())
    again = {module.name: module for module in modules.collect(watched).modules}

    assert {name: module.flops for name, module in again.items()} == {
        name: module.flops for name, module in found.items()
    }
    assert again["net.block.keys"].distinct_inputs == 1


def test_time_of_a_module_includes_its_children(guided):
    _, found = guided

    assert all(module.seconds > 0 for module in found.values())
    assert found["net"].seconds > found["net.block"].seconds > found["net.block.keys"].seconds


def test_the_run_is_longer_than_its_modules(watch):
    profile = modules.collect(watch(GUIDED))

    assert profile.steps == 4
    assert profile.run_seconds > max(module.seconds for module in profile.modules)
    assert not profile.synchronised


def test_a_module_within_itself_is_timed_once(watch):
    watched = watch(
        """
        class Deep(nn.Module):
            def forward(self, x, t, depth=3):
                return x @ x if depth == 0 else self(x, t, depth - 1)
        net = Deep()
        x = torch.ones(64, 64)
        def run():
            for t in range(2):
                net(x, t)
        """
    )
    profile = modules.collect(watched)
    (deep,) = profile.modules

    assert deep.calls == 8
    assert deep.seconds < profile.run_seconds
    assert deep.flops == 2 * 2 * 64**3


def test_nothing_is_left_behind(watch):
    watched = watch(GUIDED)
    modules.collect(watched)

    for module in watched.hot_modules["net"].modules():
        assert not module._forward_pre_hooks
        assert not module._forward_hooks
        assert not module._forward_hooks_with_kwargs
