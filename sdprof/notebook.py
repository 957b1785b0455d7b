"""sdprof in a notebook: ``%load_ext sdprof`` shows results as their report, and gives the cell magic ``%%sdprof``."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdprof.in_python import AuditError, audit
from sdprof.report_in_cell import show_results

if TYPE_CHECKING:
    from sdprof.model import AuditResult

CELLS = Path("reports") / "cells"
"""Cells become files: the workers import them, and findings name their lines."""
SWITCHES = frozenset({"quick", "no_values"})
NUMBERS = frozenset({"steps", "batch_size", "height", "width", "seed", "profile_steps", "threads"})
SECONDS = {"budget": "budget_seconds", "timeout": "timeout_seconds"}
LISTS = {"fix": "fixes", "without_fix": "without_fixes", "allow_lossy": "lossy_fixes", "lines": "lines", "skip": "skip"}
TEXTS = frozenset({"out", "size", "dtype", "device", "weights"})


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext sdprof``."""
    shell.register_magic_function(run_cell, magic_kind="cell", magic_name="sdprof")
    show_results(shell)


def run_cell(line: str, cell: str) -> AuditResult:
    """``%%sdprof [--quick] [--size SIZE] …``: audit the target that the cell declares with ``@sdprof.target``.

    The cell is written to a file and runs in processes of its own: it sees nothing of the notebook's variables.

    :raises AuditError: for options that ``sdprof audit`` does not have, and whatever :func:`sdprof.audit` raises.
    """
    options = parsed(line)
    name = f"cell_{hashlib.sha256(cell.encode()).hexdigest()[:12]}.py"
    CELLS.mkdir(parents=True, exist_ok=True)
    (CELLS / name).write_text(cell, encoding="utf-8")
    return audit(CELLS / name, **options)


def parsed(line: str) -> dict[str, Any]:
    """Options as on the command line, as arguments of :func:`sdprof.audit`.

    :raises AuditError: if there is no such option, or its value is missing or no number.
    """
    options: dict[str, Any] = {}
    try:
        words = iter(shlex.split(line))
    except ValueError as error:
        raise AuditError(
            f"The options of %%sdprof cannot be read: {str(error).lower()}; close what was opened."
        ) from None
    for word in words:
        flag, equals, given = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or name not in {*SWITCHES, *NUMBERS, *SECONDS, *LISTS, *TEXTS, "set"}:
            raise AuditError(f"%%sdprof has no option {flag}; it takes those of `sdprof audit`, such as --quick.")
        if name in SWITCHES and equals:
            raise AuditError(f"The option {flag} of %%sdprof takes no value; leave it away to switch it off.")
        if name in SWITCHES:
            options[name] = True
            continue
        value = given if equals else next(words, "")
        if not value:
            raise AuditError(f"The option {flag} of %%sdprof needs a value.")
        if name == "set":
            key, between, text = value.partition("=")
            if not key or not between:
                raise AuditError(f"The option --set of %%sdprof needs NAME=VALUE, not {value!r}.")
            options.setdefault("settings", {})[key] = text
        elif name in LISTS:
            options.setdefault(LISTS[name], []).append(value)
        elif name in TEXTS:
            options[name] = value
        else:
            options[SECONDS.get(name, name)] = _number(flag, value, whole=name in NUMBERS)
    return options


def _number(flag: str, value: str, *, whole: bool) -> float:
    try:
        return int(value) if whole else float(value)
    except ValueError:
        raise AuditError(f"The option {flag} of %%sdprof needs a number, not {value!r}.") from None
