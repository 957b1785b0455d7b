import pytest
from rich.cells import cell_len

from sdprof.renderers import terminal
from tests.renderers.samples import HOSTILE, SAMPLES, faster


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(sample: str, width: int) -> None:
    text = terminal.render(SAMPLES[sample](), width=width, report="reports/run/report.html")
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_plain_text_has_no_escape_and_colour_has() -> None:
    assert "\x1b" not in terminal.render(faster())
    assert "\x1b[" in terminal.render(faster(), color=True)


@pytest.mark.parametrize("color", [True, False])
def test_hostile_names_bring_no_escape_of_their_own(color: bool) -> None:
    text = terminal.render(SAMPLES["hostile"](), width=200, color=color)
    assert "\\x1b[31mred" in text
    assert "\x1b[31mred" not in text
    assert "\u202e" not in text
    assert "[bold red]markup[/]" in text


def test_the_summary_names_verdict_fixes_lines_gaps_and_report() -> None:
    text = terminal.render(faster(), width=100, report="reports/run/report.html")
    for words in (
        "1.70 times as fast",
        "84.2 ms → 49.5 ms",
        "95% interval",
        "sdpa",
        "sd21_original/attention.py:212",
        "kernels: There is no GPU here",
        "Report: reports/run/report.html",
    ):
        assert words in text


def test_the_caret_stands_under_the_expression() -> None:
    lines = terminal.render(faster(), width=100).splitlines()
    code = next(index for index, line in enumerate(lines) if "scores.softmax(dim=-1)" in line)
    assert lines[code + 1].index("^") == lines[code].index("scores.softmax")
    assert lines[code + 1].strip() == "^" * len("scores.softmax(dim=-1)")


def test_a_bare_audit_still_says_what_is_missing() -> None:
    text = terminal.render(SAMPLES["everything_missing"](), width=80)
    assert "Nothing was compared" in text
    assert "py-spy may not look" in text


def test_the_samples_hold_something_hostile() -> None:
    assert any("\x1b" in text for text in HOSTILE)
