import functools
import inspect
import sys

import pytest
import torch

from sdprof.collectors.graphs.interception import functions_of, intercepted
from sdprof.model import FunctionSite


def site_of(code) -> FunctionSite:
    return FunctionSite(
        file=code.co_filename,
        module="m",
        qualname=code.co_qualname,
        first_line=code.co_firstlineno,
        call_line=1,
        user=True,
    )


class Sampler:
    @torch.no_grad()
    def step(self, x, index=1, *, scale=2):
        """Doc."""
        return (x, index, scale, torch.is_grad_enabled())

    @staticmethod
    def fixed(x):
        return x

    def deep(self, n):
        return n if n == 0 else self.deep(n - 1) + 1


def make(a, b):
    def inner(x):
        return a + b + x

    return inner


def doubled(function, args, kwargs):
    return ("seen", function(*args, **kwargs))


def test_the_function_under_the_decorators_is_found():
    raw = inspect.unwrap(Sampler.step)
    assert functions_of(site_of(raw.__code__)) == (raw,)


def test_whoever_holds_the_function_calls_the_other():
    sampler = Sampler()
    bound, partial = sampler.step, functools.partial(sampler.step, 5)
    raw = inspect.unwrap(Sampler.step)
    before = (raw.__code__, raw.__defaults__, raw.__kwdefaults__, dict(raw.__dict__))

    with intercepted((raw,), doubled):
        assert bound(3) == ("seen", (3, 1, 2, False))
        assert partial(scale=7) == ("seen", (5, 1, 7, False))
        assert inspect.signature(raw) == inspect.signature(Sampler.step)
        assert list(inspect.signature(Sampler.step).parameters) == ["self", "x", "index", "scale"]
    assert bound(3) == (3, 1, 2, False)
    assert (raw.__code__, raw.__defaults__, raw.__kwdefaults__, raw.__dict__) == before


def test_closures_and_static_methods():
    one, other = make(1, 2), make(10, 20)
    functions = functions_of(site_of(one.__code__))
    assert {id(function) for function in functions} == {id(one), id(other)}

    with intercepted(functions, doubled):
        assert (one(0), other(0)) == (("seen", 3), ("seen", 30))
    assert (one(0), other(0)) == (3, 30)

    with intercepted((Sampler.fixed,), doubled):
        assert Sampler().fixed(4) == ("seen", 4)


def test_recursion_runs_the_function_itself():
    with intercepted((Sampler.deep,), doubled):
        assert Sampler().deep(3) == ("seen", 3)
        assert Sampler().deep(2) == ("seen", 2)


def test_it_ends_when_the_handler_raises():
    def stop(function, args, kwargs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), intercepted((Sampler.fixed,), stop):
        Sampler.fixed(1)
    assert Sampler.fixed(1) == 1


def test_functions_made_anew_are_not_there():
    code = make(1, 2).__code__
    assert functions_of(site_of(code)) == ()
    assert sys.getrefcount(code) > 0
