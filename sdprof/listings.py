"""What there is: the tables of ``sdprof targets``, ``audits`` and ``fixes``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from sdprof.audits.registry import all_audits
from sdprof.fixes.registry import all_fixes
from sdprof.target_index import builtin_targets


def targets() -> str:
    """The built-in targets with their sizes."""
    return _table(
        ("target", "sizes", "what it is"),
        (
            (found.declaration.name, ", ".join(found.declaration.sizes) or "one", found.declaration.summary)
            for found in builtin_targets()
        ),
    )


def audits() -> str:
    """All audits with what they need."""
    return _table(
        ("audit", "needs", "what it finds"),
        ((audit.meta.id, ", ".join(audit.meta.needs) or "nothing", audit.meta.title) for audit in all_audits()),
    )


def fixes() -> str:
    """All fixes with what they do to the numbers."""
    return _table(
        ("fix", "kind", "numerics", "devices", "what it does"),
        ((fix.id, fix.kind, fix.numerics, ", ".join(fix.devices), fix.title) for fix in all_fixes()),
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip("\n")
