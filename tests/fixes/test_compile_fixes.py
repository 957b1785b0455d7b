import pytest
import torch

from sdprof.fixes.apply import apply_fixes
from sdprof.fixes.machinery.blocks import repeated_blocks
from sdprof.fixes.machinery.trial import relative_difference
from tests.fixes.models import ConvBlock, SmallUNet, small_unet_inputs


@pytest.fixture(autouse=True)
def fresh_dynamo():
    import torch._inductor.config as inductor

    torch._dynamo.reset()
    freezing, marked = inductor.freezing, inductor.unsafe_marked_cacheable_functions
    yield
    inductor.freezing = freezing
    inductor.unsafe_marked_cacheable_functions = marked
    torch._dynamo.reset()


@pytest.mark.parametrize("fix", ["compile", "compile-freezing"])
def test_the_hot_module_is_compiled_in_place(loop_of, fix):
    loop = loop_of(SmallUNet(blocks=1), *small_unet_inputs())
    before = loop.run()
    (result,) = apply_fixes(loop.subject, [fix])
    assert result.compiles
    torch._dynamo.utils.counters.clear()
    assert relative_difference(before, loop.run()) < 1e-5
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert not torch._dynamo.utils.counters["graph_break"]


def test_blocks_are_compiled_once_for_all_of_the_same_shapes(loop_of):
    loop = loop_of(SmallUNet(blocks=6), *small_unet_inputs())
    before = loop.run()
    (result,) = apply_fixes(loop.subject, ["compile-regional"])
    torch._dynamo.utils.counters.clear()
    assert relative_difference(before, loop.run()) < 1e-5
    assert result.did == ("6 blocks of class ConvBlock are compiled one by one.",)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_regional_declines_without_repeated_blocks(loop_of):
    (result,) = apply_fixes(loop_of(torch.nn.Linear(4, 4), torch.randn(1, 4)).subject, ["compile-regional"])
    assert "repeats no block" in result.declined


def test_without_a_compiler_the_fixes_say_what_to_install(loop_of, monkeypatch):
    from torch._inductor import cpp_builder
    from torch._inductor.exc import InvalidCxxCompiler

    def no_compiler():
        raise InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", no_compiler)
    for fix in ("compile", "compile-regional", "compile-freezing"):
        loop = loop_of(SmallUNet(), *small_unet_inputs())
        (result,) = apply_fixes(loop.subject, [fix])
        assert "install g++" in result.declined
        assert loop.module._compiled_call_impl is None


def test_the_largest_repeated_blocks_are_chosen():
    class Level(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = torch.nn.ModuleList(ConvBlock(8) for _ in range(2))

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.levels = torch.nn.Sequential(Level(), Level())
            self.middle = ConvBlock(8)

    net = Net()
    assert repeated_blocks(net, None) == {ConvBlock: tuple(m for m in net.modules() if isinstance(m, ConvBlock))}
    del net.middle
    assert list(repeated_blocks(net, None)) in ([Level], [ConvBlock])


class WithoutAutocast(torch.nn.Module):
    """A product in single precision in the midst of a region in half precision, as attention is often kept."""

    def __init__(self, dtype):
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)
        self.dtype = dtype

    def forward(self, x):
        with torch.autocast("cpu", enabled=self.dtype is not None, dtype=self.dtype or torch.bfloat16):
            return self.linear(x)


def test_caches_keep_an_autocast_region_and_tell_it_from_another(loop_of, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    made = []
    for dtype in (torch.bfloat16, None, torch.bfloat16):
        torch._dynamo.reset()
        loop = loop_of(WithoutAutocast(dtype), torch.randn(2, 8))
        apply_fixes(loop.subject, ["compile"])
        torch._dynamo.utils.counters.clear()
        output = loop.run()
        counted = torch._dynamo.utils.counters["aot_autograd"]
        made.append((output[0].dtype, counted["autograd_cache_miss"], counted["autograd_cache_hit"]))
    assert made == [(torch.bfloat16, 1, 0), (torch.float32, 1, 0), (torch.bfloat16, 0, 1)]
