"""Artifacts of a rewritten variant, pointed back at the user's files."""

import msgspec

from sdprof.facts.relocate import Relocation
from sdprof.model import FunctionLines, FunctionSite, LineProfile, LineTime, Location, LoopMap, TransferSite

BEFORE = "import torch\ndef f(x):\n    y = x.cpu()\n    return y\n"
AFTER = "import torch\nTABLE = 1\ndef f(x):\n    y = TABLE\n    return y\n\n\ndef helper():\n    pass\n"
RELOCATION = Relocation({"/run/copy.py": "/home/loop.py"}, {"/run/copy.py": (BEFORE, AFTER)})


def at(line: int, file: str = "/run/copy.py") -> Location:
    return Location(file=file, line=line, column=4, end_line=line, end_column=9, code="as it ran", function="f")


def test_an_unchanged_line_keeps_its_columns() -> None:
    where = RELOCATION.where(at(5))
    assert (where.file, where.line, where.end_line, where.column, where.end_column) == ("/home/loop.py", 4, 4, 4, 9)


def test_a_changed_line_shows_the_users_text_and_no_columns() -> None:
    where = RELOCATION.where(at(4))
    assert (where.file, where.line, where.column) == ("/home/loop.py", 3, None)
    assert where.code == "    y = x.cpu()"


def test_an_inserted_line_is_at_no_line_of_the_users() -> None:
    assert RELOCATION.where(at(8)).line == 0
    assert RELOCATION.where(at(8)).file == "/home/loop.py"


def test_other_files_are_left_alone() -> None:
    other = at(5, "/home/other.py")
    assert RELOCATION.where(other) is other


def test_places_are_found_however_deep_they_lie() -> None:
    site = TransferSite(
        kind="SYNC", op="aten::item", where=at(5), count=3, bytes=4, in_loop=True, callers=(at(5, "/lib.py"), at(3))
    )
    moved = RELOCATION.relocated((site,))[0]
    assert (moved.where.line, [caller.line for caller in moved.callers]) == (4, [5, 2])
    loop = LoopMap(
        hot_module="m",
        calls=3,
        loop=FunctionSite(file="/run/copy.py", module="m", qualname="f", first_line=3, call_line=5, user=True),
        chain=(),
    )
    found = RELOCATION.relocated(loop).loop
    assert found is not None
    assert (found.file, found.first_line, found.call_line) == ("/home/loop.py", 2, 4)
    lines = LineProfile(
        functions=(
            FunctionLines(
                file="/run/copy.py",
                qualname="f",
                first_line=3,
                calls=1,
                seconds=1.0,
                lines=(LineTime(line=5, hits=1, seconds=1.0, code="return y"),),
            ),
        ),
        run_seconds=1.0,
        synchronised=False,
    )
    (function,) = RELOCATION.relocated(lines).functions
    assert (function.file, function.first_line, function.lines[0].line) == ("/home/loop.py", 2, 4)


def site(line: int, call_line: int, file: str = "/home/loop.py") -> FunctionSite:
    return FunctionSite(file=file, module="m", qualname="f", first_line=line, call_line=call_line, user=True)


def test_the_users_loop_is_found_again_in_the_copy() -> None:
    loop = LoopMap(hot_module="m", calls=3, steps=3, loop=site(2, 4), chain=(), outer=(site(1, 9, "/home/other.py"),))
    copied = RELOCATION.in_copies(loop)
    assert copied is not None
    assert (copied.loop, copied.outer) == (site(3, 5, "/run/copy.py"), loop.outer)
    assert RELOCATION.relocated(copied) == loop


def test_the_statement_of_the_loop_moves_with_it() -> None:
    moved = msgspec.structs.replace(site(2, 4), loop_line=2)
    loop = LoopMap(hot_module="m", calls=3, steps=3, loop=moved, chain=())
    copied = RELOCATION.in_copies(loop)
    assert copied is not None
    assert copied.loop is not None
    assert copied.loop.loop_line == 3
    assert RELOCATION.relocated(copied) == loop
    rewritten = msgspec.structs.replace(moved, loop_line=3)
    assert RELOCATION.in_copies(msgspec.structs.replace(loop, loop=rewritten)) is None


def test_a_map_of_an_earlier_version_has_the_innermost_statement() -> None:
    old = msgspec.json.encode(site(2, 4))
    assert b"loop_line" not in old
    assert msgspec.json.decode(old, type=FunctionSite).loop_line is None


def test_a_loop_whose_own_line_was_rewritten_is_not_guessed_at() -> None:
    assert RELOCATION.in_copies(LoopMap(hot_module="m", calls=3, loop=site(2, 3), chain=())) is None
    without_loop = LoopMap(hot_module="m", calls=1, loop=None, chain=())
    assert RELOCATION.in_copies(without_loop) == without_loop
