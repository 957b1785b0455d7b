import pytest
import torch

from sdprof.collectors import operators

ATTENTION = """
class Attention(nn.Module):
    def forward(self, q, k):
        weights = (q @ k.transpose(-1, -2)).softmax(-1)  # attention
        return weights @ k

class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Attention(), Attention()])
    def forward(self, x, t):
        for block in self.blocks:
            x = block(x, x)
        return x

net = Denoiser()
x = torch.ones(2, 8, 4)

def run():
    y = x.clone()  # set-up
    for t in range(3):
        y = net(y, t)
        y += 1  # in place
        y = y.to(torch.float64).float()  # casts
    return y.exp()  # aftermath
"""


def by_line(census, line):
    return {site.op: site for site in census.sites if site.where.line == line}


def test_operators_of_the_loop_by_expression(watch, line_of):
    watched = watch(ATTENTION)
    census = operators.collect(watched)
    attention = by_line(census, line_of(watched, "# attention"))
    softmax = attention["aten::_softmax"]

    assert census.steps == 3
    assert softmax.calls == 6
    assert softmax.calls_per_step == 2
    assert softmax.module_class == "Attention"
    assert softmax.module_name == "net.blocks.0"
    assert softmax.input_shapes == ((2, 8, 8),)
    assert softmax.input_dtypes == ("float32",)
    assert softmax.output_dtype == "float32"
    assert softmax.largest_output_bytes == 2 * 8 * 8 * 4
    assert softmax.output_bytes == 6 * 2 * 8 * 8 * 4
    assert softmax.where.code.strip().startswith("weights = ")
    assert attention["aten::transpose"].output_bytes == 0
    assert sum(site.calls for site in census.sites) == census.operators


def test_only_new_memory_counts(watch, line_of):
    watched = watch(ATTENTION)
    census = operators.collect(watched)
    casts = [site for site in census.sites if site.where.line == line_of(watched, "# casts")]

    assert by_line(census, line_of(watched, "# in place"))["aten::add_"].output_bytes == 0
    assert {(site.op, site.output_dtype, site.output_bytes) for site in casts} == {
        ("aten::_to_copy", "float64", 3 * 64 * 8),
        ("aten::_to_copy", "float32", 3 * 64 * 4),
    }


def test_set_up_and_aftermath_are_left_out(watch, line_of):
    watched = watch(ATTENTION)
    census = operators.collect(watched)

    assert not by_line(census, line_of(watched, "# set-up"))
    assert not by_line(census, line_of(watched, "# aftermath"))


def test_autocast_casts_are_seen(watch):
    watched = watch(
        """
        def run():
            with torch.autocast("cpu", torch.bfloat16):
                for t in range(2):
                    net(x, t)
        """
    )
    census = operators.collect(watched)
    casts = [site for site in census.sites if site.op == "aten::_to_copy"]

    assert casts
    assert {site.module_class for site in casts} == {"Linear"}
    assert {site.module_name for site in casts} == {"net.project"}


def test_library_frames_are_named(watch, load):
    library = load("def scale(x):\n    return x * 2\n", preamble="")
    watched = watch(
        f"""
        from {library.__name__} import scale
        def run():
            for t in range(2):
                scale(net(x, t))
        """
    )
    census = operators.collect(watched)
    (site,) = [site for site in census.sites if site.library]

    assert site.op == "aten::mul"
    assert [frame.function for frame in site.library] == ["scale"]
    assert site.where.function == "run"


def test_ways_that_lead_to_one_expression_are_one_site(watch):
    watched = watch(
        """
        def helper(y):
            return y.exp()
        def run():
            for t in range(2):
                helper(net(x, t))
                helper(x)
        """
    )
    census = operators.collect(watched)
    (site,) = [site for site in census.sites if site.op == "aten::exp"]

    assert site.calls == 4


def test_a_single_call_is_one_step(watch):
    census = operators.collect(watch("def run(): return net(x, 1)"))

    assert census.steps == 1
    assert {site.op for site in census.sites} >= {"aten::addmm", "aten::silu", "aten::mul"}


def test_outputs_stay_the_same_and_nothing_is_left(watch):
    watched = watch(ATTENTION)
    expected = watched.run()
    operators.collect(watched)

    assert torch.equal(watched.run(), expected)
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert not torch.nn.modules.module._global_forward_hooks


def test_composite_operators_are_taken_apart_in_inference_mode(watch):
    watched = watch(ATTENTION)
    run = watched.run
    expected = operators.collect(watched)
    object.__setattr__(watched, "run", lambda: torch.inference_mode()(run)())
    census = operators.collect(watched)

    def counted(census):
        # Below inference mode, matmul ends in view instead of _unsafe_view.
        return {(site.op, site.where, site.calls) for site in census.sites if "view" not in site.op}

    assert counted(census) == counted(expected)
    assert "aten::_softmax" in {op for op, _, _ in counted(census)}


@pytest.mark.filterwarnings("ignore:flex_attention called without")
def test_higher_order_operators_pass(watch):
    watched = watch(
        """
        from torch.nn.attention.flex_attention import flex_attention
        class Flex(nn.Module):
            def forward(self, x, t):
                return flex_attention(x, x, x)
        net = Flex()
        x = torch.ones(1, 1, 128, 16)
        def run():
            for t in range(2):
                net(x, t)
        """
    )
    census = operators.collect(watched)

    assert census.steps == 2
    assert {site.calls for site in census.sites if site.op == "higher_order::flex_attention"} == {2}


def test_what_the_target_compiled_is_seen(watch):
    watched = watch(
        """
        @torch.compile(backend="eager", fullgraph=True)
        def update(y):
            return y.exp() * 2
        def run():
            for t in range(3):
                update(net(x, t))
        """
    )
    census = operators.collect(watched)

    assert {site.calls for site in census.sites if site.op == "aten::exp"} == {3}
