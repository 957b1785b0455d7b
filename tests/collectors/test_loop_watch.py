import gc

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from sdprof.collectors.loop_watch import LoopWatch


def look_at_probes(watched):
    """Run with every ``probe(label)`` of the source looking; {label: [step or None, …]} and the sights."""
    seen, sights = {}, {}
    with LoopWatch(watched) as watch:

        def probe(label):
            sight = watch.look()
            seen.setdefault(label, []).append(sight.step)
            sights[label] = sight

        watched.run.__globals__["probe"] = probe
        watch.run()
    return seen, sights


STRAIGHT = """
def denoise(y, t):
    probe("before")
    y = net(y, t)
    probe("after")
    return y

def run():
    probe("set-up")
    y = x
    for t in range(3):
        probe("head of body")
        y = denoise(y, t)
        probe("end of body")
    probe("aftermath")
    return y
"""


def test_steps_are_counted_by_iteration(watch):
    seen, sights = look_at_probes(watch(STRAIGHT))
    every_step = [0, 1, 2]
    assert seen == {
        "set-up": [None],
        "head of body": every_step,
        "before": every_step,
        "after": every_step,
        "end of body": every_step,
        "aftermath": [None],
    }
    assert sights["before"].in_loop
    assert not sights["aftermath"].in_loop


def test_location_names_expression_and_callers(watch, line_of):
    watched = watch(STRAIGHT)
    _, sights = look_at_probes(watched)
    where = sights["after"].where

    assert where.file == str(watched.source_roots[0])
    assert where.line == where.end_line == line_of(watched, 'probe("after")')
    assert (where.column, where.end_column) == (4, 18)
    assert where.code == '    probe("after")'
    assert where.function == "denoise"
    assert [(caller.line, caller.function) for caller in sights["after"].callers] == [
        (line_of(watched, "y = denoise(y, t)"), "run")
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            """
            def run():
                ts = iter(range(3))
                t = 0
                while probe("test") or t < 3:
                    probe("body")
                    net(x, t)
                    t += 1
            """,
            {"test": [None, 0, 1, 2], "body": [0, 1, 2]},
            id="while",
        ),
        pytest.param(
            """
            def times():
                probe("schedule")
                for t in range(3):
                    probe("next")
                    yield t

            def run():
                for t in times():
                    net(x, t)
                    probe("body")
            """,
            {"schedule": [None], "next": [None, 1, 2], "body": [0, 1, 2]},
            id="for over a generator",
        ),
        pytest.param(
            """
            def times():
                probe("schedule")
                return range(2)

            def run():
                for image in range(2):
                    probe("image")
                    for t in times():
                        net(x, t)
                        probe("body")
            """,
            {"image": [None, None], "schedule": [None, None], "body": [0, 1, 2, 3]},
            id="nested in one function",
        ),
        pytest.param(
            """
            def run():
                probe("set-up")
                for t in range(3):
                    probe("before")
                    for piece in [probe("pieces")]:
                        probe("piece")
                        net(x, t)
                        probe("called")
                    probe("after")
                probe("aftermath")
            """,
            {
                "set-up": [None],
                "before": [0, 1, 2],
                "pieces": [0, 1, 2],
                "piece": [0, 1, 2],
                "called": [0, 1, 2],
                "after": [0, 1, 2],
                "aftermath": [None],
            },
            id="one piece a step",
        ),
        pytest.param(
            """
            def run():
                for t in range(3):
                    probe("before")
                    for piece in [0, 1] if t == 1 else [0]:
                        probe("piece")
                        net(x, t)
                    probe("after")
            """,
            {"before": [0, 1, 3], "piece": [0, 1, 2, 3], "after": [0, 2, 3]},
            id="one piece a step mostly",
        ),
        pytest.param(
            """
            def sample():
                probe("schedule")
                for t in range(3):
                    probe("before")
                    net(x, t)
                    probe("after")

            def run():
                for image in range(2):
                    probe("image")
                    sample()
                    probe("save")
            """,
            {
                "image": [None, None],
                "schedule": [None, None],
                "before": [0, 1, 2, 3, 4, 5],
                "after": [0, 1, 2, 3, 4, 5],
                "save": [None, None],
            },
            id="a sampler entered for each image",
        ),
        pytest.param(
            """
            def sampler():
                probe("schedule")
                for t in range(3):
                    y = net(x, t)
                    probe("in generator")
                    yield y
                probe("generator's end")

            def run():
                probe("set-up")
                for y in sampler():
                    probe("consumer")
                probe("aftermath")
            """,
            {
                "set-up": [None],
                "schedule": [None],
                "in generator": [0, 1, 2],
                "consumer": [0, 1, 2],
                "generator's end": [None],
                "aftermath": [None],
            },
            id="generator",
        ),
        pytest.param(
            """
            def step(t):
                probe("before")
                y = net(x, t)
                probe("after")
                return y

            def run():
                probe("set-up")
                ys = list(map(step, range(3)))
                probe("aftermath")
            """,
            {"set-up": [None], "before": [0, 1, 2], "after": [0, 1, 2], "aftermath": [None]},
            id="map",
        ),
        pytest.param(
            """
            def step(t):
                probe("before")
                return net(x, t)

            def run():
                for y in map(step, range(3)):
                    probe("body")
            """,
            {"before": [0, 1, 2], "body": [0, 1, 2]},
            id="map in the head of a for",
        ),
        pytest.param(
            """
            def step(t):
                probe("before")
                y = net(x, t)
                probe("after")
                return y

            def run():
                probe("set-up")
                ys = [step(t) for t in (probe("head") or 0, 1, 2)]
                probe("aftermath")
            """,
            {"set-up": [None], "head": [None], "before": [0, 1, 2], "after": [0, 1, 2], "aftermath": [None]},
            id="comprehension",
        ),
        pytest.param(
            """
            def sample(y, n):
                y = net(y, n)
                probe("after")
                return y if n == 0 else sample(y, n - 1)

            def run():
                probe("set-up")
                y = sample(x, 2)
                probe("aftermath")
            """,
            {"set-up": [None], "after": [0, 1, 2], "aftermath": [None]},
            id="recursion",
        ),
        pytest.param(
            """
            def run():
                probe("set-up")
                y = net(x, 0)
                probe("first")
                y = net(y, 1)
                probe("second")
                y = net(y, 2)
                probe("aftermath")
            """,
            {"set-up": [None], "first": [0], "second": [1], "aftermath": [None]},
            id="written out",
        ),
        pytest.param(
            """
            def guided(t):
                probe("before")
                uncond = net(x, t)
                cond = net(x, t)
                probe("after")

            def run():
                for t in range(2):
                    guided(t)
                    probe("body")
            """,
            {"before": [0, 2], "after": [1, 3], "body": [1, 3]},
            id="two calls a step",
        ),
    ],
)
def test_odd_loops(watch, source, expected):
    seen, _ = look_at_probes(watch(source))
    assert seen == expected


def test_a_declared_step_counts_the_steps(watch):
    watched = watch(
        """
        def guided(t):
            probe("before")
            net(x, t)
            probe("between")
            net(x, t)
            probe("after")

        def run():
            for t in range(3):
                probe("head of body")
                guided(t)
                probe("end of body")
        """.replace("\n        ", "\n"),
        step="guided",
    )
    seen, _ = look_at_probes(watched)
    assert set(map(tuple, seen.values())) == {(0, 1, 2)}


def test_without_a_repeated_call_the_run_is_one_step(watch):
    seen, _ = look_at_probes(watch("def run():\n    probe('before')\n    net(x, 1)\n    probe('after')"))
    assert seen == {"before": [0], "after": [0]}


def test_spans_of_expressions_that_cpython_reports_oddly(watch):
    class Look(TorchDispatchMode):
        def __init__(self, watch):
            super().__init__()
            self.watch, self.seen = watch, []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.seen.append((func.overloadpacket._qualified_op_name, self.watch.look().where))
            return func(*args, **(kwargs or {}))

    watched = watch(
        """
        def run():
            for t in range(2):
                y = (net(x, t)
                     .mul(2)
                     .float().sin())
                if not y.sum():
                    y = y + 1
                größe = "é"; y = y.exp()
                for row in y:
                    pass
        """
    )
    with LoopWatch(watched) as looking, Look(looking) as look:
        looking.run()
    seen = {op: where for op, where in look.seen if where.function == "run"}

    def text(where):
        lines = watched.source_roots[0].read_bytes().splitlines()[where.line - 1 : where.end_line]
        if len(lines) == 1:
            return lines[0][where.column : where.end_column].decode()
        return [lines[0][where.column :].decode(), lines[-1][: where.end_column].decode()]

    assert text(seen["aten::mul"]) == "mul(2)"
    assert text(seen["aten::sin"]) == "sin()"
    assert text(seen["aten::_local_scalar_dense"]) == "not y.sum()"
    assert text(seen["aten::exp"]) == "y.exp()"
    assert text(seen["aten::unbind"]) == "y"


def test_library_frames_are_between_the_operator_and_the_user(watch, load):
    library = load("def outer(f):\n    return inner(f)\n\ndef inner(f):\n    return f()\n", preamble="")
    watched = watch(
        f"import {library.__name__} as library\n"
        "def run():\n    for t in range(2):\n        net(x, t)\n        library.outer(probe)\n"
        "\n"
    )
    sights = []
    with LoopWatch(watched) as looking:
        watched.run.__globals__["probe"] = lambda: sights.append(looking.look())
        looking.run()

    assert [where.function for where in sights[0].library if "user_loop" in where.file] == ["inner", "outer"]
    assert sights[0].where.code.strip() == "library.outer(probe)"


def test_leaving_the_watch_releases_the_frames(watch):
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
        """
    )
    gc.disable()
    try:
        with LoopWatch(watched) as looking:
            looking.run()
        assert [held() for held in watched.run.__globals__["seen"]] == [None, None]
    finally:
        gc.enable()
    assert not watched.hot_modules["net"]._forward_pre_hooks


def test_other_threads_are_not_in_the_loop(watch):
    watched = watch(
        """
import threading
def run():
    for t in range(2):
        net(x, t)
        thread = threading.Thread(target=probe, args=("thread",))
        thread.start(); thread.join()
"""
    )
    seen, _ = look_at_probes(watched)
    assert seen == {"thread": [None, None]}
