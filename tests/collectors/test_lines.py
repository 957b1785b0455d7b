import pytest

from sdprof.collectors import lines
from sdprof.collectors.watched_run import CannotCollectError

SAMPLER = """
import functools

def traced(function):
    @functools.wraps(function)
    def around(*args, **kwargs):
        return function(*args, **kwargs)
    return around

class Sampler:
    @torch.no_grad()
    def sample(self, steps):
        y = x
        for t in range(steps):
            y = self.denoise(y, t)  # loop
        return y

    @traced
    @torch.no_grad()
    def denoise(self, y, t):
        return net(y, t)  # chain

def run():
    return Sampler().sample(4)
"""


def functions_of(profile):
    return {function.qualname: function for function in profile.functions}


def test_the_loop_its_chain_and_the_users_modules_are_timed(watch, line_of):
    watched = watch(SAMPLER)
    profile = lines.collect(watched)
    functions = functions_of(profile)

    assert set(functions) == {"Sampler.sample", "Sampler.denoise", "Net.forward", "traced.<locals>.around"}
    assert functions["Sampler.sample"].calls == 1
    assert functions["Sampler.denoise"].calls == 4
    assert functions["Net.forward"].calls == 4
    loop = {line.line: line for line in functions["Sampler.sample"].lines}[line_of(watched, "# loop")]
    assert loop.hits == 4
    assert loop.code.strip() == "y = self.denoise(y, t)  # loop"
    assert 0 < loop.seconds <= functions["Sampler.sample"].seconds <= profile.run_seconds
    assert profile.synchronised
    assert profile.skipped == ()


def test_functions_have_their_own_code_back(watch):
    watched = watch(SAMPLER)
    forward = type(watched.hot_modules["net"]).forward
    before = forward.__code__
    first = lines.collect(watched)

    assert forward.__code__ is before
    assert functions_of(lines.collect(watched)).keys() == functions_of(first).keys()


def test_closures_that_each_run_makes_are_timed(watch, line_of):
    watched = watch(
        """
        def make(scale):
            def step(y, t):
                y = net(y, t)
                return y * scale  # scaled
            return step

        def run():
            step = make(2)
            y = x
            for t in range(3):
                y = step(y, t)
        """
    )
    code_before = watched.run.__globals__["make"].__code__
    profile = lines.collect(watched)
    step = functions_of(profile)["make.<locals>.step"]

    assert {line.line: line.hits for line in step.lines}[line_of(watched, "# scaled")] == 3
    assert profile.skipped == ()
    assert watched.run.__globals__["make"].__code__ is code_before


def test_functions_of_the_same_bytecode_are_told_apart(watch):
    watched = watch(
        """
        class First(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.SiLU()
            def forward(self, x):
                return self.inner(x)

        class Second(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = First()
            def forward(self, x):
                return self.inner(self.inner(x))

        class Third(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = Second()
            def forward(self, x):
                return self.inner(x)

        net = Third()
        def run():
            for t in range(2):
                net(x)
        """
    )
    functions = functions_of(lines.collect(watched))

    assert {name: function.calls for name, function in functions.items()} == {
        "run": 1,
        "First.forward": 4,
        "Second.forward": 2,
        "Third.forward": 2,
    }


def test_functions_that_the_user_named(watch, load):
    source = SAMPLER + "\ndef unrelated(): return 1\n"
    watched = watch(source, lines=("denoise", "user_loop_0:Sampler", "json:dumps", "no_such_function", "math:sqrt"))
    profile = lines.collect(watched)

    assert set(functions_of(profile)) == {"Sampler.denoise", "Sampler.sample"}
    assert len(profile.skipped) == 2
    assert profile.skipped[0].startswith("no_such_function: no function of this name")
    assert profile.skipped[1] == "math:sqrt is not written in Python."


def test_nothing_to_time(watch):
    with pytest.raises(CannotCollectError, match="no_such_function: no function"):
        lines.collect(watch(SAMPLER, lines=("no_such_function",)))


def test_a_script_that_each_run_executes_is_skipped_with_a_reason(watch, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("for t in range(3):\n    net(x, t)\n")
    watched = watch(
        f"""
        import runpy
        def run():
            runpy.run_path({str(script)!r}, {{"net": net, "x": x}})
        """
    )
    assert watched.loop.loop.qualname == "<module>"
    profile = lines.collect(watched)

    assert set(functions_of(profile)) == {"Net.forward"}
    assert profile.skipped == (f"<module> ({script}:1) is made anew by each run, outside of any function.",)


def test_generators_are_timed(watch):
    watched = watch(
        """
        def sampler():
            for t in range(3):
                y = net(x, t)
                yield y

        def run():
            for y in sampler():
                pass
        """
    )
    sampler = functions_of(lines.collect(watched))["sampler"]

    assert sampler.calls == 1
    assert [line.hits for line in sampler.lines] == [4, 3, 3]
