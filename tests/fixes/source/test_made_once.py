"""Tensors that each step makes again: what goes before the loop, what a helper keeps, and what is left alone.

In the watched run the content was the same each time. That decides nothing: what may be another thing in another run
has to stay.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

from sdprof.model import FunctionSite, LoopMap
from tests.fixes.source.by_hand import FILE, rewritten, site_at
from tests.fixes.source.operators_cured import cure_operators
from tests.fixes.source.workbench import module_of

LOOPS = Path(__file__).parent / "loops" / "made_again"
FIX = "hoist-loop-invariant"
CAT = "torch.cat([uc, c])"


def after(text: str, expression: str = CAT, choice: int = 0, **fields: Any) -> str:
    text = "import torch\nimport torch.nn.functional as F\nfrom einops import repeat\n" + textwrap.dedent(text)
    call_line = next((n for n, line in enumerate(text.split("\n"), 1) if "model(" in line), 0)
    site = FunctionSite(file=FILE, module="user", qualname="sample", first_line=1, call_line=call_line, user=True)
    given = {
        "op": "aten::cat",
        "function": "sample",
        "identical_content": True,
        "same_tensors": True,
        "bytes": 4 << 20,
        "count": 4,
        "input_shapes": ((1, 77), (1, 77)),
        "loop": LoopMap(hot_module="model", calls=4, loop=site, chain=()),
    }
    evidence, sources = site_at(text, expression, **{**given, **fields})
    return rewritten(FIX, evidence, sources, choice)


def in_loop(body: str, before: str = "", parameters: str = "model, x, ts, uc, c, mask, flag") -> str:
    lines = [*before.splitlines(), "for t in ts:", *(f"    {line}" for line in body.splitlines())]
    return f"def sample({parameters}):\n" + "\n".join(f"    {line}" for line in lines) + "\n    return x\n"


@pytest.mark.parametrize("name", sorted(file.stem for file in LOOPS.glob("*.py")))
def test_loops_of_several_styles_make_less_again_and_keep_their_bits(name: str) -> None:
    cured = cure_operators(LOOPS / f"{name}.py", FIX)
    assert cured.same_bits
    assert cured.edits
    assert len(cured.still_again) + len(cured.edits) <= len(cured.again)
    assert {edit.proof for edit in cured.edits} == {"data"}


def test_each_style_is_cured_in_its_way() -> None:
    plain = cure_operators(LOOPS / "guidance_in_loop.py", FIX).text
    assert "    both = torch.cat([empty, context])\n    keep = mask.float()\n" in plain
    assert "full_2 = torch.full((8,), 1.5, device=x.device)\n    for t in times:" in plain
    nested = cure_operators(LOOPS / "guidance_in_nested_function.py", FIX)
    made = "torch.cat([empty, context]) if empty is not None and scale != 1.0 else None"
    assert f"        c_in_once = {made}\n        for t in times:" in nested.text
    assert "c_in = torch.cat([unconditional_conditioning, c]) if c_in_once is None else c_in_once" in nested.text
    assert not nested.still_again
    by_key = cure_operators(LOOPS / "conditioning_in_dict.py", FIX).text
    assert "c_in[k] = [_made_once(torch.cat, [uncond[k][i], cond[k][i]]) for i in" in by_key
    kept_on_itself = cure_operators(LOOPS / "class_attributes.py", FIX).text
    assert (
        "torch.stack((self.negative, self.positive)).flatten(0, 1) if self.guided else None\n        while"
        in kept_on_itself
    )


def test_the_rewritten_step_is_right_where_the_watched_run_said_nothing(tmp_path: Path) -> None:
    """Contexts that change, in place or not, modes that count no writes, and gradients."""
    path = tmp_path / "guidance_decorated.py"
    original = (LOOPS / "guidance_in_nested_function.py").read_text()
    path.write_text(
        original.replace("    @torch.no_grad()\n    def step", "    @torch.autograd.no_grad()\n    def step")
    )
    texts = (None, cure_operators(path, FIX).text)
    assert "_made_once(torch.cat" in (texts[1] or "")

    def outputs(text: str | None) -> list[torch.Tensor]:
        module = module_of(path, text)
        torch.manual_seed(0)
        sampler = module.Sampler(module.Denoiser().requires_grad_(False))
        x, context, empty = torch.randn(2, 8), torch.randn(2, 600, 8), torch.randn(2, 600, 8)
        made = []

        def step(context: torch.Tensor, empty: torch.Tensor) -> None:
            made.append(sampler.step(x, context, torch.ones(1), 3.0, unconditional_conditioning=empty))

        step(context, empty)
        step(context, empty)
        context.mul_(2)
        step(context, empty)
        empty[0, 3] = 7
        step(context, empty)
        step(empty, context)
        step(context.clone(), empty)
        step(context[:1].expand(2, -1, -1), empty[1:].expand(2, -1, -1))
        with torch.inference_mode():
            step(context, empty)
            own = context * 2
            step(own, own)
            own.add_(1)
            step(own, own)
        step(context.requires_grad_(), empty)
        return made

    assert all(torch.equal(one, other) for one, other in zip(*map(outputs, texts), strict=True))


def test_a_statement_is_moved_and_an_expression_gets_a_name() -> None:
    moved = after(in_loop(f"both = {CAT}  # guidance\nx = model(x, t, both)"))
    assert f"    both = {CAT}  # guidance\n    for t in ts:\n        x = model(x, t, both)\n" in moved
    named = after(in_loop(f"x = model(x, t, {CAT})"))
    assert f"    uc_and_c = {CAT}\n    for t in ts:\n        x = model(x, t, uc_and_c)\n" in named
    lines = 'both = torch.cat(\n    [uc, c],  # one, two\n    dim=0,\n)\nx = model(x, t, c="(" , d=both)'
    moved = after(in_loop(lines), "torch.cat(\n            [uc, c],  # one, two\n            dim=0,\n        )")
    assert "    both = torch.cat(\n        [uc, c],  # one, two\n        dim=0,\n    )\n    for t in ts:" in moved
    inside = after(
        in_loop("x = model(\n    x,\n    torch.cat(  # why\n        [uc, c]\n    ),\n)"),
        "torch.cat(  # why\n                [uc, c]\n            )",
    )
    assert "    uc_and_c = torch.cat([uc, c])\n    for t in ts:" in inside


def test_it_goes_before_the_outermost_loop_that_leaves_it_as_it_is() -> None:
    twice = after(in_loop(f"for _ in range(2):\n    x = model(x, t, {CAT})"))
    assert f"    uc_and_c = {CAT}\n    for t in ts:\n        for _ in range(2):" in twice
    prompts = after(in_loop(f"c = encode(t)\nfor _ in range(2):\n    x = model(x, t, {CAT})"))
    assert f"        c = encode(t)\n        uc_and_c = {CAT}\n        for _ in range(2):" in prompts


@pytest.mark.parametrize(
    ("code", "expression", "moved", "left"),
    [
        (f"({CAT} * 2).to(x.device)", CAT, "uc_and_c = (torch.cat([uc, c]) * 2).to(x.device)", "uc_and_c"),
        ("torch.tril(torch.ones(4, 4)) > 0", "torch.ones(4, 4)", "ones = torch.tril(torch.ones(4, 4)) > 0", "ones"),
        ("c.repeat(2, 1).half()[None]", "c.repeat(2, 1)", "c_once = c.repeat(2, 1).half()[None]", "c_once"),
        (f"{CAT} * t", CAT, f"uc_and_c = {CAT}", "uc_and_c * t"),
        (f"model.encode({CAT})", CAT, f"uc_and_c = {CAT}", "model.encode(uc_and_c)"),
    ],
)
def test_what_is_computed_of_it_alone_goes_with_it(code: str, expression: str, moved: str, left: str) -> None:
    said = after(in_loop(f"x = model(x, t, {code})"), expression)
    assert f"    {moved}\n    for t in ts:\n        x = model(x, t, {left})\n" in said, said


def test_autocast_leaves_copies_as_they_are_and_may_change_what_is_computed() -> None:
    copied = after(in_loop(f"with torch.no_grad(), torch.autocast('cuda'):\n    x = model(x, t, {CAT})"))
    assert f"    uc_and_c = {CAT}\n    for t in ts:" in copied
    computed = after(in_loop(f"with torch.autocast('cuda'):\n    x = model(x, t, {CAT} @ uc)"))
    assert f"    uc_and_c = {CAT}\n    for t in ts:" in computed
    power = after(in_loop("with torch.autocast('cuda'):\n    x = model(x, t, c.pow(2).half())"), "c.pow(2).half()")
    assert "_made_once(lambda c: c.pow(2).half(), c)" in power


def test_a_list_is_another_one_in_each_step() -> None:
    said = after(in_loop(f"parts = list({CAT})\nparts.append(x)\nx = model(x, t, parts)"))
    assert f"    uc_and_c = {CAT}\n    for t in ts:\n        parts = list(uc_and_c)\n" in said


def test_the_helper_keeps_what_is_made_of_the_same_tensor_alone() -> None:
    said = after(CALLED.format("c.repeat(2, 1).half()"), "c.repeat(2, 1)", function="step")
    assert "_made_once(lambda c: c.repeat(2, 1).half(), c)" in said, said
    said = after(CALLED.format("c.repeat(2, 1) + uc"), "c.repeat(2, 1)", function="step")
    assert "_made_once(torch.Tensor.repeat, c, 2, 1) + uc" in said, said


def test_two_of_the_same_share_a_name_and_two_others_do_not() -> None:
    body = f"x = model(x, t, {CAT}) + {CAT} + torch.cat([uc, c], 1)"
    assert after(in_loop(body)) == after(in_loop(body), occurrence=0)
    assert f"    uc_and_c = {CAT}\n" in after(in_loop(body), occurrence=1)
    assert "    uc_and_c_2 = torch.cat([uc, c], 1)\n" in after(in_loop(body), "torch.cat([uc, c], 1)")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"if flag:\n    x = model(x, t, {CAT})", f"uc_and_c = {CAT} if flag else None"),
        (f"if flag:\n    x = x\nelse:\n    x = model(x, t, {CAT})", f"uc_and_c = {CAT} if not flag else None"),
        (f"x = model(x, t, {CAT} if uc is not None else c)", f"uc_and_c = {CAT} if uc is not None else None"),
        (
            f"if flag:\n    if uc is not None:\n        x = model(x, t, {CAT})",
            f"uc_and_c = {CAT} if flag and uc is not None else None",
        ),
    ],
)
def test_what_was_conditional_stays_so(body: str, expected: str) -> None:
    assert f"    {expected}\n    for t in ts:" in after(in_loop(body))


@pytest.mark.parametrize(
    "body",
    [
        f"x = model(x, t, {CAT})\nc = c * 1",  # bound anew
        f"x = model(x, t, {CAT})\nc, d = x, t",
        f"for c in x:\n    x = model(x, t, {CAT})",
        f"x = model(x, t, {CAT})\nc += 0",
        f"x = model(x, t, {CAT})\nc[0] = 1",  # written to
        f"x = model(x, t, {CAT})\nc.clamp_(-9, 9)",
        f"x = model(x, t, {CAT})\nc[:, 0].view(-1).clamp_(-9, 9)",
        f"x = model(x, t, {CAT})\nc.data.clamp_(-9, 9)",
        f"x = model(x, t, {CAT})\ntorch.clamp(x, 0, 1, out=c)",
        f"x = model(x, t, {CAT})\nF.relu(c, inplace=True)",
        f"x = model(x, t, {CAT})\ntorch.relu_(c)",
        f"d = c[0]\nx = model(x, t, {CAT})\nd.relu_()",  # under another name
        f"cond = dict(c=c)\ncond['c'].relu_()\nx = model(x, t, {CAT})",
        f"for k, d in {{'c': c}}.items():\n    d.relu_()\nx = model(x, t, {CAT})",
        f"x = model(x, t, {CAT})\nyield x",  # to somebody who may write to it
        f"for d in c:\n    d.relu_()\nx = model(x, t, {CAT})",
        f"d, e = c.chunk(2)\nf = e.detach()\nx = model(x, t, {CAT})\nf[0] = 0",
        f"if x.sum() > 0:\n    x = model(x, t, {CAT})",  # asks what the loop computes
        f"if flag:\n    continue\nx = model(x, t, {CAT})",
        f"try:\n    x = model(x, t, {CAT})\nexcept ValueError:\n    pass",
        f"with scope():\n    x = model(x, t, {CAT})",
        f"with torch.no_grad(), scope() as c:\n    x = model(x, t, {CAT})",
        f"flag = not flag\nif flag:\n    x = model(x, t, {CAT})",
        f"for _ in range(2):\n    d = {CAT}\n    x = x + d\nx = model(x, t)",
    ],
)
def test_what_may_be_another_thing_in_the_next_step_stays_in_the_loop(body: str) -> None:
    """The helper may keep it there: it looks at each visit."""
    said = after(in_loop(body))
    assert "_made_once(torch.cat, [uc, c])" in said, said
    assert after(in_loop(body), same_tensors=False).startswith("declined: ")


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        ("x = model(x, t)\nkeep = (x > 0).float()", "(x > 0).float()"),
        ("keep = mask.float()\nx = model(x, t) * keep\nmask = x > 0", "mask.float()"),
        ("x = model(x, t, torch.ones(x.shape[0], 1))", "torch.ones(x.shape[0], 1)"),
        ("x = model(x, t, torch.full((2,), t))", "torch.full((2,), t)"),
        ("x = model(x, t, torch.zeros_like(x))", "torch.zeros_like(x)"),
        (
            "x = model(x, t) + torch.full((2,), sigmas[i], device=x.device)\ni += 1",
            "torch.full((2,), sigmas[i], device=x.device)",
        ),
    ],
)
def test_constants_and_masks_of_what_the_loop_computes_are_left(body: str, expression: str) -> None:
    parameters = "model, x, ts, mask, sigmas, i"
    said = after(in_loop(body, parameters=parameters), expression, op="aten::full", input_shapes=(), same_tensors=False)
    assert said.startswith("declined: ")
    assert "bound" in said.partition(";")[0], said


@pytest.mark.parametrize(
    ("expression", "made"),
    [
        ("mask.float()", "mask_once = mask.float()"),
        ("c.to(torch.float16)", "c_once = c.to(torch.float16)"),
        ("c[None].expand(len(uc), -1, -1).contiguous()", "c_once = c[None].expand(len(uc), -1, -1).contiguous()"),
        ("torch.ones(len(c), device=x.device)", "ones = torch.ones(len(c), device=x.device)"),
        ("torch.full((2, 1), 7.5, device=c.device)", "full = torch.full((2, 1), 7.5, device=c.device)"),
        ("torch.zeros_like(c)", "zeros = torch.zeros_like(c)"),
        ("torch.arange(4, device=x.device)", "arange = torch.arange(4, device=x.device)"),
        ("c.new_ones(2)", "ones = c.new_ones(2)"),
        ("torch.stack([uc, c], dim=1)", "uc_and_c = torch.stack([uc, c], dim=1)"),
        ("torch.cat([c.repeat(2, 1), uc])", "c_and_uc = torch.cat([c.repeat(2, 1), uc])"),
        ("torch.cat([part for part in c])", "c_once = torch.cat([part for part in c])"),
    ],
)
def test_copies_casts_and_constants_go_before_the_loop(expression: str, made: str) -> None:
    said = after(in_loop(f"x = model(x, t, {expression})"), expression)
    assert f"    {made}\n    for t in ts:" in said, said


@pytest.mark.parametrize(
    ("body", "expression", "reason"),
    [
        (f"both = {CAT}\nboth += 1\nx = model(x, t, both)", CAT, "written to"),
        (f"both = {CAT}\nboth[0] = 1\nx = model(x, t, both)", CAT, "written to"),
        (f"both = {CAT}\nboth.chunk(2)[0].mul_(2)\nx = model(x, t, both)", CAT, "written to"),
        (f"one, two = {CAT}.chunk(2)\ntwo *= 2\nx = model(x, t, one)", CAT, "written to"),
        (f"cond = {{'c': {CAT}}}\ncond['c'].mul_(2)\nx = model(x, t, cond)", CAT, "written to"),
        (f"torch.add(x, 1, out={CAT})\nx = model(x, t)", CAT, "written to"),
        (f"x = model(x, t, F.relu({CAT}, inplace=True))", CAT, "written to"),
        (f"seen.append({CAT})\nx = model(x, t)", CAT, "kept beyond the step"),
        (f"seen += [{CAT}]\nx = model(x, t)", CAT, "kept beyond the step"),
        (f"self.both = {CAT}\nx = model(x, t)", CAT, "kept beyond the step"),
        (f"both = {CAT}\nseen.append(both)\nx = model(x, t)", CAT, "kept beyond the step"),
        (f"x = model(x, t)\nyield {CAT}", CAT, "handed out of its function"),
        (f"both = {CAT}\nx = model(x, t)\nreturn x, both", CAT, "handed out of its function"),
        (f"both = {CAT}\nx = model(x, lambda: both)", CAT, "read by a function inside"),
        ("x = model(x, t, torch.cat([uc, torch.randn(2)]))", "torch.cat([uc, torch.randn(2)])", "Random"),
        ("x = model(x, t, torch.cat([uc, torch.randn_like(c)]))", "torch.cat([uc, torch.randn_like(c)])", "Random"),
        ("x = model(x, t, torch.cat([uc, torch.empty(2)]))", "torch.cat([uc, torch.empty(2)])", "not known"),
        ("x = model(x, t, torch.cat([uc, encode(c)]))", "torch.cat([uc, encode(c)])", "not known"),
        ("x = model(x, t, torch.cat([uc, self.flip(c)]))", "torch.cat([uc, self.flip(c)])", "not known"),
        ("x = model(x, t, torch.cat([uc, next(c)]))", "torch.cat([uc, next(c)])", "not known"),
        ("x = model(x, t, torch.cat([uc, c.mul_(2)]))", "torch.cat([uc, c.mul_(2)])", "not known"),
        ("x = model(x, t, torch.cat([uc, d := c]))", "torch.cat([uc, d := c])", "names, calls and arithmetic"),
        ("x = model(x, t, torch.cat([uc, c], out=x))", "torch.cat([uc, c], out=x)", "writes to a tensor"),
    ],
)
def test_what_is_written_to_kept_or_not_repeatable_is_left(body: str, expression: str, reason: str) -> None:
    said = after(in_loop(body, parameters="self, model, x, ts, uc, c, seen"), expression)
    assert said.startswith("declined: "), said
    assert reason in said


@pytest.mark.parametrize(
    ("body", "before"),
    [
        ("conds[1].relu_()", "conds = [uc, c]"),
        ("both.relu_()", "uc, c = both.chunk(2)"),
        ("self.c.relu_()", "self.c = c"),
        ("held['c'][0] = 1", "held = {'c': c}\nother = held"),
        ("uc = c", ""),
        ("x = x + 1", "if flag:\n    uc = c"),  # not bound on each way
        ("spoil()", "def spoil():\n    nonlocal c\n    c = c + 1"),
        ("spoil()", "def spoil():\n    c.zero_()"),
        ("global x_count", "global c"),
    ],
)
def test_names_that_others_bind_stay_in_the_loop(body: str, before: str) -> None:
    parameters = "model, x, ts, c, flag" if "uc =" in before else "model, x, ts, uc, c, flag"
    parameters = parameters.replace(", c", "") if before == "global c" else parameters
    said = after(in_loop(f"{body}\nx = model(x, t, {CAT})", before, f"{parameters}, self, both"))
    assert "_made_once(torch.cat, [uc, c])" in said, said


ON_ITSELF = """
class Sampler:
    def __init__(self, uc, c):
        self.uc, self.c = uc, c

    {method}

    def sample(self, model, x, ts):
        for t in ts:
            x = self.advance(x)
            x = model(x, t, torch.cat([self.uc, self.c]))
        return x
"""


@pytest.mark.parametrize(
    ("method", "goes"),
    [
        ("def advance(self, x):\n        return x", True),
        ("def advance(self, x):\n        return x\n\n    def prepare(self, c):\n        self.c = c", True),
        ("def prepare(self, c):\n        self.c = c", False),  # somebody else has the function that the loop calls
        ("def advance(self, x):\n        self.c = x\n        return x", False),
        ("def advance(self, x):\n        self.c[0] = x\n        return x", False),
        ("def advance(self, x):\n        return self.more(x)\n\n    def more(self, x):\n        self.c = x", False),
        ("def advance(self, x):\n        return callback(self)", False),
        ("@property\n    def c(self):\n        return self.x + 1", False),
    ],
)
def test_attributes_that_the_loops_calls_bind_stay(method: str, goes: bool) -> None:
    where = {"function": "Sampler.sample"}
    text = ON_ITSELF.format(method=method)
    expression = "torch.cat([self.uc, self.c])"
    call_line = text.split("\n").index(f"            x = model(x, t, {expression})") + 4
    loop = FunctionSite(
        file=FILE, module="user", qualname="Sampler.sample", first_line=1, call_line=call_line, user=True
    )
    said = after(text, expression, loop=LoopMap(hot_module="model", calls=4, loop=loop, chain=()), **where)
    assert ("uc_and_c = torch.cat([self.uc, self.c])\n        for t in ts:" in said) == goes, said
    assert ("_made_once(torch.cat, [self.uc, self.c])" in said) != goes


CALLED = "def step(model, x, t, cond, uc, c, b):\n    return model(x, t, {})\n"


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        (CAT, "torch.cat, [uc, c]"),
        ("torch.cat(uc)", "torch.cat, uc"),
        ("torch.cat([uc] * 2, dim=-1)", "torch.cat, [uc] * 2, dim=-1"),
        ('torch.cat([cond["uc"], cond["c"][0]])', 'torch.cat, [cond["uc"], cond["c"][0]]'),
        ("torch.cat([cond.uc, cond.c], dim=b)", "torch.cat, [cond.uc, cond.c], dim=b"),
        ("c.repeat(x.shape[0], 1, 1)", "torch.Tensor.repeat, c, x.shape[0], 1, 1"),
        ("cond.c.to(x.device, dtype=x.dtype)", "torch.Tensor.to, cond.c, x.device, dtype=x.dtype"),
        ("c.to(torch.float16)", "torch.Tensor.to, c, torch.float16"),
        ("c.half()", "torch.Tensor.half, c)"),
        ("F.pad(c, (0, 1))", "F.pad, c, (0, 1))"),
        ("repeat(c, 'b d -> (n b) d', n=b)", "repeat, c, 'b d -> (n b) d', n=b)"),
        ("torch.nn.functional.pad(c, (0, 1))", "torch.nn.functional.pad, c, (0, 1))"),
        (
            "c[:1].expand(x.size(0), -1).contiguous()",
            "lambda c, n: c[:1].expand(n, -1).contiguous(), c, x.size(0)",
        ),
        (
            "torch.cat([cond.c.repeat(2, 1), self.c.to(x.dtype)])",
            "lambda c, c_2, dtype: torch.cat([c.repeat(2, 1), c_2.to(dtype)]), cond.c, self.c, x.dtype",
        ),
    ],
)
def test_in_a_function_that_the_loop_calls_a_helper_keeps_it(expression: str, kept: str) -> None:
    said = after(CALLED.format(expression), expression, function="step")
    assert f"    return model(x, t, _made_once({kept}" in said, said
    assert said.count("def _made_once(make, *args, **kwargs):") == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"same_tensors": False}, "made of other tensors"),
        ({"op": "aten::full"}, "A constant is made as fast"),
        ({"bytes": 4096}, "of this size"),
    ],
)
def test_what_is_not_found_again_or_costs_nothing_is_not_kept(fields: dict[str, Any], reason: str) -> None:
    said = after(CALLED.format(CAT), function="step", **fields)
    assert said.startswith("declined: It is made in a function that the loop calls; and it cannot be kept: ")
    assert reason.lower() in said.lower()
