"""Names that say yes or no: what is asked on the host, and what stays on the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixes.source.workbench import cure_file

FLAGS = Path(__file__).parent / "loops" / "flags.py"
HOST = "levels_on_host[i + leap] > 0"


def cured_text(folder: Path, old: str = "", new: str = "") -> str:
    text = FLAGS.read_text()
    assert old in text
    file = folder / "loop.py"
    file.write_text(text.replace(old, new) if old else text)
    cured = cure_file(file)
    assert cured.same_bits
    return "".join(composed.text for composed in cured.composed.values())


def test_a_flag_of_conditions_is_found_on_the_host(tmp_path: Path) -> None:
    assert f"leaps = {HOST}" in cured_text(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("            x = x * 0.99", "            x = x * (1 - 0.01 * leaps)"),  # a number, too
        (
            "            x = x * 0.99",
            "            x = x * 0.99\n        kept = [leaps]",
        ),  # kept: who knows who reads it
        ("    return x\n", "    return (lambda: x if leaps else x)()\n"),  # read by a function inside
    ],
)
def test_a_flag_that_is_used_otherwise_stays_what_it_is(tmp_path: Path, old: str, new: str) -> None:
    assert f"leaps = {HOST}" not in cured_text(tmp_path, old, new)


def test_the_branches_of_a_choice_stay_on_the_device(tmp_path: Path) -> None:
    text = cured_text(tmp_path)
    assert "following = levels[i + leap] if leaps else levels[i + 1]" in text
