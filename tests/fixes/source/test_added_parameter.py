"""Which functions take one more parameter: those that the call may mean, and no others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.added_parameter import has_namesake_beside, takes_one_more, with_parameter

FAMILIES = """
class Base:
    def steps(self, n): ...

class Shared(Base):
    def advance(self, x, level): ...

class ByLevel(Shared):
    def __call__(self, x, levels):
        return self.advance(x, levels[0])

class Further(ByLevel):
    def advance(self, x, level): ...

class Apart(Base):
    def advance(self, x, sigma, gamma): ...
"""
MIXED = FAMILIES + "\nclass Both(Apart, ByLevel): ...\n"


def parsed(text: str, path: str = "x.py") -> tuple[ModuleSource, ast.FunctionDef, ast.Call]:
    source = ModuleSource(path, text)
    functions = [each for each in ast.walk(source.tree) if isinstance(each, ast.FunctionDef)]
    (call,) = [each for each in ast.walk(source.tree) if isinstance(each, ast.Call)]
    return source, next(each for each in functions if each.name == "advance"), call


def test_a_class_that_self_cannot_be_keeps_its_method() -> None:
    source, advance, call = parsed(FAMILIES)
    assert takes_one_more(source, advance, "level", "level_on_host", call)
    assert len(with_parameter(source, advance, "level_on_host=None", call)) == 2
    assert not takes_one_more(source, advance, "level", "level_on_host")


@pytest.mark.parametrize("text", [MIXED, FAMILIES.replace("Further(ByLevel)", "Further(Apart, ByLevel)")])
def test_a_class_that_joins_both_families_stands_in_the_way(text: str) -> None:
    source, advance, call = parsed(text)
    assert not takes_one_more(source, advance, "level", "level_on_host", call)


def test_another_receiver_may_be_of_any_class() -> None:
    source, advance, call = parsed(FAMILIES.replace("self.advance", "other.advance"))
    assert not takes_one_more(source, advance, "level", "level_on_host", call)


@pytest.mark.parametrize(("made_of", "beside"), [("ByLevel", True), ("Shared", True), ("Base", True), ("Other", False)])
def test_a_subclass_in_another_file_of_any_class_that_self_may_be_stands_in_the_way(
    tmp_path: Path, made_of: str, beside: bool
) -> None:
    (tmp_path / "more.py").write_text(f"class More({made_of}):\n    def advance(self, x, level): ...\n")
    source, advance, call = parsed(FAMILIES, str(tmp_path / "loop.py"))
    assert has_namesake_beside(source, advance, source, call) is beside
