from sdprof.collectors.graphs.regions import LOOP, MODEL_CALL, STEP, plan_regions, split_chain
from sdprof.model import FunctionSite, LoopMap


def site(name: str) -> FunctionSite:
    return FunctionSite(file="/home/user/loop.py", module="loop", qualname=name, first_line=1, call_line=2, user=True)


def loop_map(*chain: str, loop: str | None = "sample", outer: tuple[str, ...] = ("run",)) -> LoopMap:
    return LoopMap(
        hot_module="unet",
        calls=3,
        loop=None if loop is None else site(loop),
        chain=tuple(map(site, chain)),
        outer=tuple(map(site, outer)),
    )


def planned(loop, handed_on, step=None, forward="forward"):
    regions = plan_regions(loop, site(forward), loop.chain[:-1], step, handed_on)
    return {region.name: [candidate.qualname for candidate in region.candidates] for region in regions}


def test_the_model_call_is_the_outermost_that_hands_the_result_on():
    loop = loop_map("step", "guidance", "apply_model", "wrapper", "forward")

    assert planned(loop, {2, 3}) == {
        "unet": ["forward"],
        MODEL_CALL: ["apply_model", "wrapper"],
        STEP: ["step", "guidance"],
        LOOP: ["sample", "run"],
    }


def test_a_function_that_returns_the_result_beside_others_is_no_model_call_when_one_below_changes_it():
    assert planned(loop_map("step", "apply_model", "forward"), {0})[STEP] == ["step", "apply_model"]


def test_a_loop_that_calls_the_module_itself_has_two_regions():
    assert planned(loop_map("forward"), set()) == {"unet": ["forward"], LOOP: ["sample", "run"]}


def test_a_declared_step_comes_first():
    assert planned(loop_map("outer", "step", "forward"), {1}, step=site("step")) == {
        "unet": ["forward"],
        STEP: ["step", "outer"],
        LOOP: ["sample", "run"],
    }


def test_without_a_loop():
    assert planned(loop_map("run", "forward", loop=None, outer=()), set()) == {"unet": ["forward"], STEP: ["run"]}


def test_the_chain_may_end_above_a_forward_of_torchs():
    def forward(): ...

    code = forward.__code__
    loop = loop_map("step", "model")
    assert split_chain(loop, code) == (None, loop.chain)

    own = FunctionSite(
        file=code.co_filename,
        module="m",
        qualname=code.co_qualname,
        first_line=code.co_firstlineno,
        call_line=9,
        user=True,
    )
    chain = (*loop.chain, own)
    assert split_chain(LoopMap(hot_module="n", calls=1, loop=None, chain=chain), code) == (own, loop.chain)
    assert split_chain(LoopMap(hot_module="n", calls=0, loop=None, chain=()), code) == (None, ())
