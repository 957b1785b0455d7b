import contextlib
import gc
import sys
import weakref

import pytest
import torch

from sdprof.collectors import loop
from sdprof.collectors.call_stacks import SeenFrame, loop_depth

PLAIN = """
def denoise(x, t):
    return net(x, t)  # chain

def run():
    y = x
    for t in range(5):
        y = denoise(y, t)  # loop
    return y
"""


def names(sites):
    return [site.qualname for site in sites]


def test_loop_is_the_frame_that_all_calls_share(watch, line_of):
    watched = watch(PLAIN)
    found = watched.loop

    assert found.hot_module == "net"
    assert (found.calls, found.steps, found.steps_from) == (5, 5, "calls of the hot module")
    assert found.loop.qualname == "run"
    assert found.loop.call_line == line_of(watched, "# loop")
    assert found.loop.user
    assert found.loop.file == str(watched.source_roots[0])
    assert found.loop.module.startswith("user_loop")
    assert names(found.chain) == ["denoise", "Net.forward"]
    assert found.chain[0].call_line == line_of(watched, "# chain")
    assert found.chain[1].first_line == line_of(watched, "def forward")
    assert found.outer == ()


@pytest.mark.parametrize(
    ("source", "loop_name", "chain", "outer"),
    [
        pytest.param(
            """
            class Sampler:
                @torch.no_grad()
                def sample(self, x):
                    for t in range(4):
                        x = self.denoise(x, t)
                    return x

                def denoise(self, x, t):
                    return net(x, t)

            def run():
                return Sampler().sample(x)
            """,
            "Sampler.sample",
            ["Sampler.denoise", "Net.forward"],
            ["run"],
            id="decorated method",
        ),
        pytest.param(
            """
            def steps(x):
                for t in range(4):
                    x = net(x, t)
                    yield x

            def run():
                for y in steps(x):
                    pass
                return y
            """,
            "steps",
            ["Net.forward"],
            ["run"],
            id="generator",
        ),
        pytest.param(
            """
            def make(y):
                def step(t):
                    nonlocal y
                    y = net(y, t)
                    return y
                return step

            def run():
                return list(map(make(x), range(4)))
            """,
            "run",
            ["make.<locals>.step", "Net.forward"],
            [],
            id="closure under map",
        ),
        pytest.param(
            """
            def sample(x, n):
                x = net(x, n)
                return x if n == 0 else sample(x, n - 1)

            def run():
                return sample(x, 3)
            """,
            "sample",
            ["sample", "sample", "sample", "Net.forward"],
            ["run"],
            id="recursion",
        ),
        pytest.param(
            """
            def guided(x, t):
                uncond = net(x, t)
                cond = net(x + 1, t)
                return uncond + 2 * (cond - uncond)

            def run():
                y = x
                for t in range(2):
                    y = guided(y, t)
                return y
            """,
            "run",
            ["guided", "Net.forward"],
            [],
            id="two calls a step",
        ),
        pytest.param(
            """
            def guided(x, t):
                for half in (0, 1):
                    y = net(x + half, t)
                return y

            def run():
                y = x
                for t in range(5):
                    y = guided(y, t)
                return y
            """,
            "run",
            ["guided", "Net.forward"],
            [],
            id="a loop over halves in each step",
        ),
        pytest.param(
            """
            def sample(y):
                for t in range(3):
                    y = net(y, t)
                return y

            def run():
                for image in range(2):
                    y = sample(x + image)
                return y
            """,
            "sample",
            ["Net.forward"],
            ["run"],
            id="a sampler entered for each image",
        ),
        pytest.param(
            """
            def run():
                y = net(x, 0)
                while y.sum() < 1e9 and (t := getattr(run, "t", 0)) < 3:
                    run.t = t + 1
                    y = net(y, t)
                return y
            """,
            "run",
            ["Net.forward"],
            [],
            id="a call before the loop",
        ),
    ],
)
def test_odd_loops(watch, source, loop_name, chain, outer):
    found = watch(source).loop

    assert found.loop.qualname == loop_name
    assert names(found.chain) == chain
    assert names(found.outer) == outer


def test_the_usual_line_of_the_loop_is_told(watch, line_of):
    watched = watch(
        """
        def run():
            y = net(x, 0)
            for t in range(3):
                y = net(y, t)  # usual
            y = net(y, 0)
            return y
        """
    )
    assert watched.loop.loop.call_line == line_of(watched, "# usual")
    assert watched.loop.calls == 5


IN_PIECES = """
def run():
    for t in range(4):  # steps
        for piece in pieces(t):
            net(x, t)  # call
"""


@pytest.mark.parametrize(
    ("source", "statement"),
    [
        pytest.param("pieces = lambda t: [0]\n" + IN_PIECES, "# steps", id="one piece"),
        pytest.param("pieces = lambda t: [0, 1] if t == 2 else [0]\n" + IN_PIECES, "# steps", id="one piece mostly"),
        pytest.param("pieces = lambda t: [0, 1]\n" + IN_PIECES, None, id="two halves of guidance"),
        pytest.param("pieces = lambda t: [0, 1] if t < 3 else [0]\n" + IN_PIECES, None, id="orders that end low"),
        pytest.param(
            """
            def run():
                for image in range(2):
                    for t in range(4):
                        net(x, t)  # call
            """,
            None,
            id="images",
        ),
        pytest.param(
            """
            def run():
                for image in range(2):
                    for t in range(4):  # steps
                        for piece in [0]: net(x, t)  # call
            """,
            "# steps",
            id="images in pieces",
        ),
        pytest.param(
            """
            def run():
                for image in range(3):  # steps
                    for t in range(1):
                        for piece in [0]:
                            net(x, t)  # call
            """,
            "# steps",
            id="images of one step",
        ),
        pytest.param(
            """
            def run():
                t = 0
                while t < 4:  # steps
                    while True:
                        t += 1
                        net(x, t)  # call
                        if t != 2:
                            break
            """,
            "# steps",
            id="trials of a step",
        ),
        pytest.param(
            """
            def sample():
                for t in range(4):  # steps
                    for piece in [0]:
                        yield net(x, t)  # call

            def run():
                for y in sample():
                    pass
            """,
            "# steps",
            id="generator",
        ),
        pytest.param(
            """
            def sample(image):
                for t in range(4):  # steps
                    for piece in [0]:
                        net(x + image, t)  # call

            def run():
                for image in range(2):
                    sample(image)
            """,
            "# steps",
            id="a sampler entered for each image",
        ),
        pytest.param(
            """
            def run():
                net(x, 0)
                for image in range(1):
                    for piece in [0]:
                        net(x, 0)  # call
            """,
            None,
            id="nothing repeats",
        ),
    ],
)
def test_the_loop_statement_that_makes_the_steps(watch, line_of, source, statement):
    watched = watch(source)
    found = watched.loop

    assert found.loop.call_line == line_of(watched, "# call")
    assert found.loop.loop_line == (None if statement is None else line_of(watched, statement))
    assert found.steps == found.calls


def test_pieces_of_a_declared_step(watch, line_of):
    watched = watch(
        """
        def step(t):
            net(x, t)
            net(x, t)

        def run():
            for t in range(3):  # steps
                for piece in [0]:
                    step(t)
        """,
        step="step",
    )

    assert (watched.loop.steps, watched.loop.loop.loop_line) == (3, line_of(watched, "# steps"))


@pytest.mark.parametrize("raises", [False, True])
def test_who_traced_before_traces_again(watch, raises):
    traced = []

    def trace(frame, event, argument):
        traced.append(frame.f_code.co_name)

    watched = watch(
        f"""
        def run():
            for t in range(3):
                for piece in [0]:
                    net(x, t)
            assert not {raises}
        """,
        find_loop=False,
    )
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(AssertionError) if raises else contextlib.nullcontext():
            loop.collect(watched)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
    assert "run" in traced


def test_a_module_called_once_has_no_loop(watch):
    found = watch("def run(): return net(x, 1)").loop

    assert found.loop is None
    assert (found.calls, found.steps, found.steps_from) == (1, 1, "whole run")
    assert names(found.chain) == ["run", "Net.forward"]


def test_a_module_never_called_has_no_loop(watch):
    found = watch("def run(): return x").loop

    assert found.loop is None
    assert (found.calls, found.steps) == (0, 1)
    assert names(found.chain) == ["Net.forward"]


def test_a_declared_step_makes_the_steps(watch, line_of):
    watched = watch(
        """
        def step(x, t):
            return net(net(x, t), t)

        def run():
            y = x
            for t in range(4):
                y = step(y, t)  # loop
            return y
        """,
        step="step",
    )
    found = watched.loop

    assert (found.calls, found.steps, found.steps_from) == (8, 4, "declared step function")
    assert found.loop.qualname == "run"
    assert found.loop.call_line == line_of(watched, "# loop")
    assert names(found.chain) == ["step", "Net.forward"]


def test_a_declared_step_that_is_not_on_the_way_is_not_believed(watch):
    found = watch("def other(): pass\n" + PLAIN, step="other").loop

    assert (found.steps, found.steps_from) == (5, "calls of the hot module")


def test_libraries_are_marked_and_torch_is_hidden(watch, tmp_path, load):
    library = load("def sample(net, x):\n    for t in range(3):\n        x = net(x, t)\n    return x\n")
    found = watch(f"import {library.__name__} as library\ndef run(): return library.sample(net, x)").loop

    assert found.loop.qualname == "sample"
    assert not found.loop.user
    assert names(found.outer) == ["run"]
    assert found.outer[0].user


def test_a_hot_module_that_was_compiled_in_place_is_heard(watch):
    watched = watch(PLAIN, find_loop=False)
    net = watched.hot_modules["net"]
    net.compile(backend="eager")
    watched.run()
    compiled = net._compiled_call_impl
    found = loop.collect(watched)

    assert (found.calls, found.loop.qualname) == (5, "run")
    assert names(found.chain) == ["denoise", "Net.forward"]
    assert net._compiled_call_impl is compiled


def test_a_hot_module_with_compiled_children_is_heard(watch):
    watched = watch(PLAIN, find_loop=False)
    watched.hot_modules["net"].project.compile(backend="eager")
    watched.run()

    assert loop.collect(watched).calls == 5


def test_an_optimized_module_is_heard(watch):
    watched = watch("plain = net\nnet = torch.compile(plain, backend='eager')\n" + PLAIN, find_loop=False)
    watched.run()

    assert loop.collect(watched).calls == 5


def test_nothing_is_kept_alive(watch):
    watched = watch(
        """
        import weakref
        class Held: pass
        seen = []
        def run():
            held = Held()
            seen.append(weakref.ref(held))
            for t in range(3):
                net(x, t)
        """,
        find_loop=False,
    )
    hooks_before = len(watched.hot_modules["net"]._forward_pre_hooks)
    gc.disable()
    try:
        loop.collect(watched)
        (held,) = watched.run.__globals__["seen"]
        assert isinstance(held, weakref.ref)
        assert held() is None
    finally:
        gc.enable()
    assert len(watched.hot_modules["net"]._forward_pre_hooks) == hooks_before


def test_hooks_go_when_the_run_raises(watch):
    watched = watch("def run():\n    net(x, 1)\n    raise ValueError('no')", find_loop=False)

    with pytest.raises(ValueError, match="no"):
        loop.collect(watched)
    assert not watched.hot_modules["net"]._forward_pre_hooks


def test_code_of_callables():
    def step(): ...

    class Callable:
        def __call__(self): ...

    class Module(torch.nn.Module):
        @torch.no_grad()
        def forward(self): ...

    assert loop.code_of(step) is step.__code__
    assert loop.code_of(torch.no_grad()(step)) is step.__code__
    assert loop.code_of(Callable()) is Callable.__call__.__code__
    assert loop.code_of(Module()).co_name == "forward"
    assert loop.code_of(len) is None


def test_stacks_without_a_shared_frame_have_no_loop():
    code = test_code_of_callables.__code__
    assert loop_depth([(SeenFrame(0, code, "", 1, 0),), (SeenFrame(1, code, "", 1, 0),)]) is None
    assert loop_depth([(), ()]) is None
