"""What a function below the loop makes again: made before the loop and handed down, or left where it is."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from sdprof.fixes.source.compose import compose_files
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import evidence_of
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.before_loop.added_parameter import has_namesake_beside
from sdprof.fixes.source.reading.before_loop.made_for_step import negated
from sdprof.fixes.source.registry import propose
from sdprof.model import FunctionSite, LoopMap
from tests.fixes.source.by_hand import FILE, rewritten, site_at
from tests.fixes.source.operators_cured import census_of, cure_operators
from tests.fixes.source.workbench import module_of, served

LOOPS = Path(__file__).parent / "loops" / "made_again"
CAT = "torch.cat([uc, c])"
STEP = """
import torch

{above}def step(model, x, t, c, uc{more}):
    {body}
    return model(x, t, {used})

def sample(model, x, ts, c, uc, flag):
    for t in ts:
        {before}x = step(model, x, t, c, uc)
    return x
"""


def after(body: str = "pass", used: str = CAT, more: str = "", above: str = "", before: str = "", **fields: Any) -> str:
    text = STEP.format(body=body, used=used, more=more, above=above, before=before).lstrip("\n")
    lines = text.split("\n")
    call_line = next(number for number, line in enumerate(lines, 1) if "x = step(" in line)
    first = next(number for number, line in enumerate(lines, 1) if line.startswith(("def step", "@")))
    model_line = next(number for number, line in enumerate(lines, 1) if "model(x" in line)
    start = next(number for number, line in enumerate(lines, 1) if line.startswith("def sample"))
    site = FunctionSite(file=FILE, module="user", qualname="sample", first_line=start, call_line=call_line, user=True)
    called = FunctionSite(file=FILE, module="user", qualname="step", first_line=first, call_line=model_line, user=True)
    given = {
        "op": "aten::cat",
        "function": "step",
        "identical_content": True,
        "same_tensors": True,
        "bytes": 4 << 20,
        "count": 4,
        "input_shapes": ((1, 77), (1, 77)),
        "loop": LoopMap(hot_module="model", calls=4, loop=site, chain=(called,)),
    }
    evidence, sources = site_at(text, CAT, **{**given, **fields})
    return rewritten("hoist-loop-invariant", evidence, sources)


def test_it_is_made_before_the_loop_and_handed_to_the_step() -> None:
    said = after()
    assert "def step(model, x, t, c, uc, uc_and_c=None):\n" in said
    assert f"model(x, t, {CAT} if uc_and_c is None else uc_and_c)" in said
    assert f"    uc_and_c = {CAT}\n    for t in ts:\n        x = step(model, x, t, c, uc, uc_and_c=uc_and_c)\n" in said


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("if uc is None:\n        return model(x, t, c)", f"uc_and_c = {CAT} if uc is not None else None"),
        ("if not isinstance(c, dict):\n        x = x * 2", f"uc_and_c = {CAT}"),
        ("assert len(c) == 2", f"uc_and_c = {CAT}"),
    ],
)
def test_what_the_step_asks_first_is_asked_before_the_loop(body: str, made: str) -> None:
    assert f"    {made}\n    for t in ts:" in after(body)


def test_a_condition_of_the_loop_is_asked_before_it() -> None:
    said = after(before="if flag: x = x * 2\n        ")
    assert f"    uc_and_c = {CAT}\n    for t in ts:" in said


@pytest.mark.parametrize(
    "changed",
    [
        {"body": "c = c * t"},
        {"body": "c.mul_(t)"},
        {"body": "uc[0] = t"},
        {"body": "if t > 3:\n        return x"},
        {"body": "for _ in range(2):\n        if uc is None:\n            return x"},
        {"body": "if uc is None:\n        if x is None:\n            return x"},
        {"above": "@torch.inference_mode()\n"},
        {"more": ", *more"},
        {"before": "c = c + 1\n        "},
        {"before": "uc.add_(1)\n        "},
        {"before": "if t > 3: continue\n        "},
    ],
    ids=str,
)
def test_where_the_next_step_may_need_another_one_a_helper_keeps_it(changed: dict[str, str]) -> None:
    said = after(**changed)
    assert "_made_once(torch.cat, [uc, c])" in said
    assert "uc_and_c" not in said


def test_a_function_that_yields_or_is_reached_otherwise_is_left_alone() -> None:
    loop = LoopMap(hot_module="model", calls=4, loop=None, chain=())
    assert "_made_once" in after(loop=loop)


def _outputs(module: ModuleType) -> list[Any]:
    torch.manual_seed(0)
    model = module.Denoiser().requires_grad_(False)
    x, positive, negative = torch.randn(2, 8), torch.randn(2, 600, 8), torch.randn(2, 600, 8)
    times = torch.linspace(1, 0, 3)
    guidances = [
        module.Guidance(positive, negative, 3.0),
        module.Guidance(negative, positive, 0.0),
        module.Guidance(positive, negative, 1.0),
        module.Guidance(positive),
        module.Guidance(positive[:1].expand(2, -1, -1), torch.zeros(3, 1, 1), 1.0),
    ]
    made: list[Any] = [module.sample(model, x, times, each) for each in guidances]
    made += [module.correct(model, x, times[:1], each) for each in guidances[:3]]
    for wrong in (
        module.Guidance({"c": positive}, {"c": negative}, 3.0),
        module.Guidance(positive, negative[:, :5], 2.0),
    ):
        try:
            module.sample(model, x, times, wrong)
        except (TypeError, RuntimeError, AttributeError) as error:
            made.append(str(error))
    made.append(module.sample(model, x, times[:0], module.Guidance(positive, negative, 2.0)))
    return made


def test_other_guidance_other_callers_and_errors_come_out_as_before() -> None:
    path = LOOPS / "guidance_handed_down.py"
    text = cure_operators(path, "hoist-loop-invariant").text
    assert "def correct(\n    model,\n    x,\n    t,\n    guidance,\n    both_once=None,\n):" in text
    assert "predict(model, x - 0.1 * noise, t, guidance, both_once=both_once)" in text
    before, then = _outputs(module_of(path)), _outputs(module_of(path, text))
    assert len(before) == 11
    assert all(
        one == other if isinstance(one, str) else torch.equal(one, other)
        for one, other in zip(before, then, strict=True)
    )


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("a is None or b == 1", "a is not None and b != 1"),
        ("not a", "a"),
        ("a < 1", "not a < 1"),
        ("a in b and not c", "a not in b or c"),
        ("f(a)", "not f(a)"),
    ],
)
def test_a_test_is_turned_round(test: str, expected: str) -> None:
    assert ast.unparse(negated(ast.parse(test, mode="eval").body)) == expected


MODEL_CALL = """
import torch as {torch}

def predict(model, x, t, c, uc):
    if uc is None:
        return model(x, t, c)
    without, prompted = model({torch}.cat([x] * 2), t, {torch}.cat([uc, c])).chunk(2)
    return without + 2 * (prompted - without)
"""
LOOP_OF_IT = """
import torch
from torch import nn
from parts.predicting import predict

class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def forward(self, x, t, context):
        return self.mix(x) + context.mean(dim=1) * t

@torch.no_grad()
def sample(model, x, times, c, uc=None):
    for t in times:
        x = x - 0.1 * predict(model, x, t, c, uc)
    return x

def build(device, steps):
    torch.manual_seed(0)
    x, c, uc = (torch.randn(shape, device=device) for shape in ((2, 8), (2, 500, 8), (2, 500, 8)))
    model = Denoiser().to(device)
    return model, lambda: sample(model, x, torch.linspace(1, 0, steps, device=device), c, uc)
"""


def _edit_of_two_files(folder: Path, **names: str) -> tuple[Sources, tuple[Edit, ...]]:
    (folder / "parts").mkdir(exist_ok=True)
    (folder / "parts" / "predicting.py").write_text(MODEL_CALL.format(**names))
    (folder / "parts" / "looping.py").write_text(LOOP_OF_IT)
    with served({}, ("parts",), folder):
        census, found, _ = census_of(import_module("parts.looping").build, 3, (folder,))
    sources = Sources()
    proposals = [propose(site, sources, {"hoist-loop-invariant"}) for site in evidence_of(None, census, found)]
    return sources, tuple(each.edits[0] for each in proposals if each.edits)


def test_a_function_and_its_caller_in_two_files_change_together(tmp_path: Path) -> None:
    sources, (edit,) = _edit_of_two_files(tmp_path, torch="torch")
    assert not edit.helpers
    assert edit.description.endswith(" looping.py changes with it.")
    texts = {file: each.text for file, each in compose_files(sources.of, [edit]).items()}
    step, loop = texts[str(tmp_path / "parts" / "predicting.py")], texts[str(tmp_path / "parts" / "looping.py")]
    assert "def predict(model, x, t, c, uc, uc_and_c=None):" in step
    assert "    uc_and_c = torch.cat([uc, c]) if uc is not None else None\n    for t in times:" in loop
    assert "predict(model, x, t, c, uc, uc_and_c=uc_and_c)" in loop
    outputs = []
    for served_texts in ({}, texts):
        with served(served_texts, ("parts",), tmp_path):
            module = import_module("parts.looping")
            model, run = module.build("cpu", 3)
            alone = module.sample(model, torch.ones(2, 8), torch.ones(2), torch.ones(2, 5, 8))
            outputs.append((run(), alone))
    assert all(map(torch.equal, *outputs))


def test_another_name_of_the_library_there_leaves_it_to_a_helper(tmp_path: Path) -> None:
    _, (edit,) = _edit_of_two_files(tmp_path, torch="th")
    assert edit.helpers == ("_made_once",)
    assert not edit.elsewhere


OF_A_CLASS = """
import torch
{imports}

class Sampler:
    def step(self, model, x, t, c, uc):
        return model(x, t, torch.cat([uc, c]))

    def sample(self, model, x, ts, c, uc):
        for t in ts:
            x = self.step(model, x, t, c, uc)
        return x
"""


@pytest.mark.parametrize(
    ("imports", "beside", "handed"),
    [
        ("", "class Other:\n    def step(self, model, x, t, c, uc):\n        return x\n", True),
        (
            "from beside import Other",
            "class Other:\n    def step(self, model, x, t, c, uc):\n        return x\n",
            False,
        ),
        ("", "from loop import Sampler\n\nclass More(Sampler):\n    def step(self, model, x, t, c, uc): ...\n", False),
        ("from beside import step", "def step(model, x, t, c, uc):\n    return x\n", True),
    ],
)
def test_a_method_that_others_may_stand_for_takes_no_further_argument(
    tmp_path: Path, imports: str, beside: str, handed: bool
) -> None:
    (tmp_path / "beside.py").write_text(beside)
    file = tmp_path / "loop.py"
    file.write_text(OF_A_CLASS.format(imports=imports).lstrip("\n"))
    source = ModuleSource(str(file), file.read_text())
    (step, sample) = [each for each in ast.walk(source.tree) if isinstance(each, ast.FunctionDef)]
    calls = [each for each in ast.walk(source.tree) if isinstance(each, ast.Call)]
    (call,) = [each for each in calls if ast.unparse(each.func).endswith(".step")]
    assert sample.name == "sample"
    assert has_namesake_beside(source, step, source, call) is not handed


@pytest.mark.parametrize(
    "other",
    [
        "    both = dict()\n        both['c'] = torch.cat([uc['c'], c['c']])",
        "    both = list()\n        both.append(c)\n        both[0].add_(1)",
    ],
)
def test_what_is_written_to_in_another_branch_is_another_thing(other: str) -> None:
    said = after(f"if isinstance(c, dict):\n    {other}\n    else:\n        both = {CAT}", "both")
    assert f"        both = {CAT} if both_once is None else both_once\n" in said


def test_what_is_written_to_behind_the_branches_stays() -> None:
    body = f"if isinstance(c, dict):\n        both = c\n    else:\n        both = {CAT}\n    both.mul_(2)"
    assert after(body, "both").startswith("declined")
