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


def test_what_asks_one_number_often_waits_for_it_once() -> None:
    """Each alone seems to be in vain, since the first one waits; a flag and a list of tables are asked as well."""
    cured = cure_file(FLAGS.parent / "decided_by_latents" / "one_error_asked_often.py", steps=6)
    assert cured.same_bits
    reads = [site for site in cured.after.sites if len(site.steps) > 1]
    before = sum(site.count for site in cured.before.sites if len(site.steps) > 1)
    assert before == 8 * 6
    assert sum(site.count for site in reads) <= 2 * 6, reads  # the error, and the length that follows from it
    text = cured.composed[str(FLAGS.parent / "decided_by_latents" / "one_error_asked_often.py")].text
    assert "torch._assert_async(torch.as_tensor(t + length > t))" in text
    assert "accepted = _on_host(ratio) <= 1" in text
