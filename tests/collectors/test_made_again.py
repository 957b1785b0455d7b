"""Copies and constants that each step makes again are told from those that change, are computed or are written to."""

from __future__ import annotations

import pytest

from sdprof.collectors import operators

LOOP = """
uc, c = torch.randn(2, 3), torch.randn(2, 3)
mask = torch.ones(2, 3, dtype=torch.bool)
parts = [uc, c]

def guided(y, t):
    {line}  # here
    return net(y, t)

@torch.{mode}()
def run():
    y = x.clone()
    for t in range(3):
        y = guided(y, t)
    return y
"""


def seen(watch, line_of, line, mode="no_grad"):
    watched = watch(LOOP.format(line=line, mode=mode))
    here = line_of(watched, "# here")
    return {site.op: site for site in operators.collect(watched).sites if site.where.line == here}


@pytest.mark.parametrize(
    ("line", "op"),
    [
        ("both = torch.cat([uc, c])", "aten::cat"),
        ("both = torch.cat(parts)", "aten::cat"),
        ("both = torch.stack([uc, c])", "aten::stack"),
        ("both = torch.cat([uc[:1], c])", "aten::cat"),
        ("half = c.half()", "aten::_to_copy"),
        ("kept = mask.float()", "aten::_to_copy"),
        ("more = c.repeat(2, 1)", "aten::repeat"),
        ("more = c[None].expand(4, -1, -1).contiguous()", "aten::clone"),
        ("scale = torch.full((2,), 7.5)", "aten::full"),
        ("ones = torch.ones(y.shape[0])", "aten::ones"),
        ("zeros = torch.zeros_like(y)", "aten::zeros_like"),
        ("order = torch.arange(4)", "aten::arange"),
        ("mask_ = torch.ones(3, 3).tril()", "aten::tril"),
        ("both = torch.cat([c.repeat(2, 1), c.half().float()])", "aten::cat"),
        ("(c[0, :2] * 2).sum(); more = torch.tensor([1.0, 2.0]).repeat(2)", "aten::repeat"),  # perhaps in freed memory
        ("import numpy; more = torch.from_numpy(numpy.arange(3)).repeat(2)", "aten::repeat"),
    ],
)
def test_what_is_made_again(watch, line_of, line, op):
    site = seen(watch, line_of, line)[op]

    assert site.identical_content
    assert site.calls == 3


@pytest.mark.parametrize(
    "line",
    [
        "both = torch.cat([uc, y[:, :3]])",
        "steps = torch.full((2,), t)",
        "half = y.half()",
        "kept = (y.abs() > -1).float()",  # the same by chance, but computed
        "both = torch.cat([(c * 0.5), uc])",
        "noise = torch.randn(2, 3).half()",
        "rest = torch.zeros(2, 3); rest[0] = 1",
        "rest = torch.zeros(2, 3); rest.view(-1).add_(1)",
        "rest = torch.zeros(2, 3); torch.add(c, 1, out=rest)",
        "uc.add_(1); both = torch.cat([uc, c])",
        "c.clamp_(-9, 9); both = torch.cat([uc, c])",  # the same by chance, but written to
        "empty = torch.empty(3)",
    ],
)
def test_what_changes_or_is_computed_or_written_to(watch, line_of, line):
    assert not [site.op for site in seen(watch, line_of, line).values() if site.identical_content]


def test_once_is_not_again(watch, line_of):
    assert not seen(watch, line_of, "both = torch.cat([uc, c]) if t == 1 else None")["aten::cat"].identical_content


def test_larger_tensors_are_not_read(watch, line_of, monkeypatch):
    monkeypatch.setattr("sdprof.collectors.made_again.MOST_BYTES", 47)

    assert not seen(watch, line_of, "both = torch.cat([uc, c])")["aten::cat"].identical_content


@pytest.mark.parametrize(
    ("line", "mode", "same"),
    [
        ("both = torch.cat([uc, c])", "no_grad", True),
        ("both = torch.cat([uc[:1], c])", "no_grad", True),  # another view of the same memory
        ("both = torch.cat(torch.cat([uc, c]).chunk(2)[::-1])", "no_grad", False),
        ("zeros = torch.zeros_like(y)", "no_grad", False),
        ("both = torch.cat([uc, c])", "inference_mode", False),  # which counts no writes
    ],
)
def test_whether_it_is_made_of_the_same_tensors(watch, line_of, line, mode, same):
    sites = seen(watch, line_of, line, mode)
    assert all(site.identical_content for op, site in sites.items() if op in ("aten::cat", "aten::zeros_like"))
    assert all(site.same_tensors for op, site in sites.items() if op in ("aten::cat", "aten::zeros_like")) == same


def test_each_visit_in_a_step_is_compared_with_its_like(watch, line_of):
    site = seen(watch, line_of, "ways = [part.half() for part in (uc, c)]")["aten::_to_copy"]

    assert site.calls == 6
    assert site.identical_content
    assert site.same_tensors


def test_weights_that_are_cast_have_a_cure_of_their_own(watch):
    census = operators.collect(
        watch(
            """
            def run():
                with torch.autocast("cpu", torch.bfloat16):
                    for t in range(3):
                        net(x, t)
            """
        )
    )
    assert not [
        site
        for site in census.sites
        if site.identical_content and site.module_class == "Linear" and site.input_shapes != ((2, 8),)
    ]
