"""Call a block itself where no gradients are recorded, instead of through gradient checkpointing."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import last_name, statement_of
from sdprof.model import FixMeta

META = FixMeta(
    id="bypass-checkpoint",
    title="Checkpoint gradients only where gradients are recorded",
    kind="source",
    numerics="exact",
    removes=("checkpoint-in-inference",),
    group="checkpoint",
    order=50,
)
SETTINGS = frozenset({"use_reentrant", "preserve_rng_state", "determinism_check", "debug", "context_fn", "early_stop"})


def concerns(site: SiteEvidence) -> bool:
    """Whether an autograd function was called."""
    return site.kind == "operator" and site.op.startswith("autograd::")


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """The branch that checkpoints is taken with gradients alone; a call of ``checkpoint`` becomes conditional."""
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    if not isinstance(node, ast.Call):
        raise DeclinedError("The autograd function is not called in this expression")
    torch, imports = torch_name(source)
    enabled = f"{torch}.is_grad_enabled()"
    if last_name(node.func) == "checkpoint":
        change = _conditional(source, node, enabled)
    elif last_name(node.func) == "apply":
        change = _guarded(source, node, enabled)
    else:
        raise DeclinedError("The autograd function is not called as .apply(…) or by checkpoint(…)")
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(change,),
            imports=imports,
            numerics="exact",
            proof="data",
            description="Checkpointing is left to where gradients are recorded.",
        ),
    )


def _conditional(source: ModuleSource, call: ast.Call, enabled: str) -> Replacement:
    """``checkpoint(f, x)`` → ``checkpoint(f, x) if torch.is_grad_enabled() else f(x)``."""
    if not call.args or isinstance(call.args[0], ast.Starred | ast.Lambda):
        raise DeclinedError("The function that is checkpointed is not named")
    others = [source.code(each) for each in call.args[1:]]
    for each in call.keywords:
        if each.arg is None:
            raise DeclinedError("The call has arguments that the text does not name")
        if each.arg not in SETTINGS:
            others.append(f"{each.arg}={source.code(each.value)}")
    plain = f"{in_parentheses(source, call.args[0])}({', '.join(others)})"
    start, end = source.span(call)
    return Replacement(start=start, end=end, text=f"({source.code(call)} if {enabled} else {plain})")


def _guarded(source: ModuleSource, call: ast.Call, enabled: str) -> Replacement:
    """``if flag: … F.apply(…) else: f(…)``, and ``if not flag: return f(…)`` in front of it."""
    statement: ast.stmt = statement_of(source, call)
    parent = source.parents[statement]
    passed = {ast.dump(each) for each in (*call.args, *(keyword.value for keyword in call.keywords))}
    if isinstance(parent, ast.If) and statement in parent.body and _calls_one_of(passed, parent.orelse):
        start, end = source.span(parent.test)
        return Replacement(start=start, end=end, text=f"{_operand(source, parent.test)} and {enabled}")
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
        before = parent.body[: parent.body.index(statement)]
        guards = [each for each in before if isinstance(each, ast.If) and _calls_directly(each, passed)]
        if guards:
            test = guards[-1].test
            start, end = source.span(test)
            return Replacement(start=start, end=end, text=f"{_operand(source, test)} or not {enabled}")
    raise DeclinedError("There is no branch beside it that calls the very function that it is given")


def _calls_one_of(passed: set[str], branch: list[ast.stmt]) -> bool:
    """Whether a branch calls what the autograd function is given: any other is another way to compute."""
    calls = (node for statement in branch for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(ast.dump(node.func) in passed for node in calls)


def _calls_directly(guard: ast.If, passed: set[str]) -> bool:
    """``if not flag: return function(*inputs)``."""
    if len(guard.body) != 1 or guard.orelse or not isinstance(guard.body[0], ast.Return):
        return False
    negated = isinstance(guard.test, ast.UnaryOp) and isinstance(guard.test.op, ast.Not)
    return negated and isinstance(guard.body[0].value, ast.Call) and _calls_one_of(passed, guard.body)


def _operand(source: ModuleSource, test: ast.expr) -> str:
    code = source.code(test)
    return f"({code})" if isinstance(test, ast.BoolOp | ast.IfExp | ast.NamedExpr | ast.Lambda) else code
