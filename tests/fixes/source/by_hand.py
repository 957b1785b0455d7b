"""Evidence for an expression that is pointed at in a text, without running a collector."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.compose import compose
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.registry import rewrite_module
from sdprof.model import Location, SeenFrame, SeenValue

FILE = "/nowhere/user_code.py"
HOST, DEVICE = "cpu", "cuda"


def tensor(device: str = DEVICE, dtype: str = "float32", *shape: int) -> SeenValue:
    return SeenValue(kind="tensor", device=device, dtype=dtype, shape=shape)


def site_at(text: str, expression: str, occurrence: int = 0, **fields: Any) -> tuple[SiteEvidence, Sources]:
    """The evidence of an event at ``expression``, spelled as it stands in the text."""
    source = ModuleSource(FILE, textwrap.dedent(text))
    nodes = [
        each
        for each in ast.walk(source.tree)
        if isinstance(each, ast.expr) and source.code(each) == expression and not isinstance(each, ast.Starred)
    ]
    node = nodes[occurrence]
    where = Location(
        file=FILE,
        line=node.lineno,
        column=node.col_offset,
        end_line=node.end_lineno,
        end_column=node.end_col_offset,
        function=fields.pop("function", ""),
    )
    values = fields.pop("values", {})
    sources = Sources()
    sources.add(source)
    given: dict[str, Any] = {"kind": "operator", "op": "", **fields}
    return SiteEvidence(stack=(SeenFrame(where=where, values=values),), **given), sources


def rewritten(fix: str, site: SiteEvidence, sources: Sources, choice: int = 0) -> str:
    """The text after a fix's edit; ``declined: …`` where it would not."""
    module = rewrite_module(fix)
    assert module.concerns(site)
    try:
        edits: tuple[Edit, ...] = module.rewrite(site, sources)
    except DeclinedError as declined:
        return f"declined: {declined}"
    composed = compose(sources.of(FILE), [edits[choice]])
    assert not composed.conflicts
    return composed.text
