"""Follow a value through the statements of a function: where it was made, where it goes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import scope_of, statement_of, stored_names, within

BLOCKS = ("body", "orelse", "finalbody")


def block_of(source: ModuleSource, statement: ast.stmt) -> list[ast.stmt]:
    """The list of statements that one stands in."""
    parent = source.parents[statement]
    for name in BLOCKS:
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return block
    raise DeclinedError("The statement stands in no plain block")


def definitions_before(source: ModuleSource, node: ast.AST, name: str) -> list[ast.Assign]:
    """The assignment whose value ``name`` has at ``node``, along a straight line of statements and ``with`` blocks.

    Several where the branches of an ``if`` assign the very same expression.

    :raises DeclinedError: there is a branch or a loop in between that binds the name, or no such assignment.
    """
    statement = statement_of(source, node)
    while True:
        block = block_of(source, statement)
        found = _last_in(block[: block.index(statement)], name)
        if found:
            return found
        parent = source.parents[statement]
        if not isinstance(parent, ast.With | ast.If):
            raise DeclinedError(f"{name} is not made by an assignment before it in this function")
        statement = parent


def changed_in_place(source: ModuleSource, node: ast.AST, name: str) -> ast.AugAssign | None:
    """``name *= value``, where that is what last changed a name before ``node``, in the same block."""
    statement = statement_of(source, node)
    block = block_of(source, statement)
    for before in reversed(block[: block.index(statement)]):
        if isinstance(before, ast.AugAssign) and isinstance(before.target, ast.Name) and before.target.id == name:
            return before
        if binds(before, name):
            return None
    return None


def augmented(source: ModuleSource, statement: ast.AugAssign, written: str, value: str) -> str:
    """``x * (y + 1)`` of ``x *= y + 1``: what is written in place, as an expression.

    :param written: the text of the left side, or of what takes its place.
    :param value: that of the right side.
    """
    between = source.text[source.span(statement.target)[1] : source.span(statement.value)[0]]
    operand = f"({value})" if isinstance(statement.value, ast.BinOp) else value
    return f"{written} {between.partition('=')[0].strip()} {operand}"


def _last_in(statements: Sequence[ast.stmt], name: str) -> list[ast.Assign]:
    for statement in reversed(statements):
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if len(statement.targets) == 1 and isinstance(target, ast.Name) and target.id == name:
                return [statement]
        if isinstance(statement, ast.With) and (found := _last_in(statement.body, name)):
            return found
        if isinstance(statement, ast.If) and binds(statement, name):
            branches = [_last_in(statement.body, name), _last_in(statement.orelse, name)]
            definitions = [each for branch in branches for each in branch]
            if all(branches) and len({ast.dump(each.value) for each in definitions}) == 1:
                return definitions
        if binds(statement, name):
            raise DeclinedError(f"{name} is bound in a branch, in a loop or together with other names")
    return []


def binds(statement: ast.stmt, name: str) -> bool:
    """Whether anything in a statement gives the name a value."""
    return any(
        isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store)
        for each in ast.walk(statement)
    )


def loads_after(source: ModuleSource, definition: ast.Assign) -> list[ast.Name]:
    """Where the value of a plain assignment is read, up to the next assignment to the same name."""
    target = definition.targets[0]
    assert isinstance(target, ast.Name)
    end = (definition.end_lineno or 0, definition.end_col_offset or 0)
    found: list[ast.Name] = []
    for each in within(scope_of(source, definition)):
        if not isinstance(each, ast.Name) or each.id != target.id or (each.lineno, each.col_offset) < end:
            continue
        statement = statement_of(source, each)
        if isinstance(each.ctx, ast.Store):
            limit = (statement.end_lineno or 0, statement.end_col_offset or 0)
            inside = [one for one in ast.walk(statement) if isinstance(one, ast.Name) and one.id == target.id]
            found += [one for one in inside if isinstance(one.ctx, ast.Load) and one not in found]
            if isinstance(statement, ast.Assign) and limit:
                break
        if isinstance(each.ctx, ast.Load) and each not in found:
            found.append(each)
    return found


def names_bound_between(source: ModuleSource, first: ast.stmt, last: ast.stmt) -> set[str]:
    """Names that get a value behind the beginning of one statement and before another."""
    bound: set[str] = set()
    for each in within(scope_of(source, first)):
        if isinstance(each, ast.stmt) and first.lineno < each.lineno < last.lineno:
            targets: list[ast.AST] = []
            if isinstance(each, ast.Assign):
                targets = list(each.targets)
            elif isinstance(each, ast.AugAssign | ast.AnnAssign | ast.For):
                targets = [each.target]
            bound |= {name for target in targets for name in stored_names(target)}
    return bound


def without(source: ModuleSource, statements: Sequence[ast.stmt]) -> Iterator[Replacement]:
    """Remove statements with their lines; a block that would be left empty goes with its ``with`` or ``if``."""
    gone: set[ast.stmt] = set(statements)
    while True:
        emptied = {
            parent
            for each in gone
            if isinstance(parent := source.parents[each], ast.With | ast.If)
            and parent not in gone
            and all(one in gone for one in [*parent.body, *getattr(parent, "orelse", [])])
        }
        if not emptied:
            break
        gone |= emptied
    for statement in sorted(gone, key=lambda each: each.lineno):
        if source.parents[statement] in gone:
            continue
        block = block_of(source, statement)
        start = source.line_start(statement.lineno)
        end = source.line_start((statement.end_lineno or statement.lineno) + 1)
        line = source.text[start:end]
        if not stands_alone(source, statement):
            raise DeclinedError("A statement shares its line with another one")
        if all(one in gone for one in block) and statement is block[0]:
            parent = source.parents[statement]
            if isinstance(parent, ast.If) and block is parent.orelse:
                yield Replacement(start=_else_line(source, statement), end=end, text="")
            else:
                indent = line[: len(line) - len(line.lstrip())]
                yield Replacement(start=start, end=end, text=f"{indent}pass\n")
            continue
        yield Replacement(start=start, end=end, text="")


def stands_alone(source: ModuleSource, statement: ast.stmt) -> bool:
    """Whether a statement shares its lines with nothing but a comment."""
    start = source.line_start(statement.lineno)
    end = source.line_start((statement.end_lineno or statement.lineno) + 1)
    before = source.text[start : source.span(statement)[0]]
    return not before.strip() and not _shares_last_line(source, statement, end)


def _else_line(source: ModuleSource, first: ast.stmt) -> int:
    """Where the line of the ``else`` begins whose block begins with a statement."""
    for number in range(first.lineno - 1, 0, -1):
        start = source.line_start(number)
        if source.text[start : source.line_start(number + 1)].strip().startswith("else"):
            return start
    raise DeclinedError("The else of an emptied block is not found")


def _shares_last_line(source: ModuleSource, statement: ast.stmt, end: int) -> bool:
    rest = source.text[source.span(statement)[1] : end].strip()
    return bool(rest) and not rest.startswith("#")
