import re

import msgspec
import pytest

from sdprof.model import Location
from sdprof.renderers import markdown
from tests.renderers.samples import SAMPLES, faster


def outside_code(text: str) -> str:
    text = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


@pytest.mark.parametrize("sample", SAMPLES)
def test_only_our_own_markup_is_left(sample: str) -> None:
    text = outside_code(markdown.render(SAMPLES[sample]()))
    assert set(re.findall(r"</?\w+[^>]*>", text)) <= {"<details>", "</details>", "<summary>", "</summary>"}
    assert "@everyone" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "https://" not in text


@pytest.mark.parametrize("sample", SAMPLES)
def test_rows_of_a_table_have_the_cells_of_its_head(sample: str) -> None:
    head = None
    for line in outside_code(markdown.render(SAMPLES[sample]())).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        if cells is not None and head is not None:
            assert cells == head
        head = cells if head is None or cells is None else head


def test_the_answers_come_first() -> None:
    text = markdown.render(faster())
    assert text.startswith("### ✅ sd21-original: 1.70 times as fast, with the same output")
    assert "| speed-up | 1.70× (95% interval 1.67 to 1.74) |" in text
    assert "| per step | 84.2 ms → 49.5 ms |" in text


@pytest.mark.parametrize(("sample", "mark"), [("slower", "❌"), ("output_differs", "❌"), ("not_shown", "⚪")])
def test_what_is_no_success_is_not_marked_as_one(sample: str, mark: str) -> None:
    assert markdown.render(SAMPLES[sample]()).startswith(f"### {mark} ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a|b", "a\\|b"),
        ("<b>", "&lt;b&gt;"),
        ("# no", "\\# no"),
        ("1. no", "1\\. no"),
        ("- no", "\\- no"),
        ("@x", "&#64;x"),
    ],
)
def test_text_is_escaped(value: str, shown: str) -> None:
    assert markdown.text(value) == shown


@pytest.mark.parametrize("value", ["a`b", "``", "`x", "no tick"])
def test_a_code_span_ends_where_it_should(value: str) -> None:
    span = markdown.code(value)
    fence = re.match("`+", span)
    assert fence is not None
    inside = span[len(fence.group()) : -len(fence.group())]
    assert fence.group() not in re.findall("`+", inside)
    assert inside.strip() == value.strip()


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_audit_fits_a_comment_on_github(sample: str) -> None:
    assert len(markdown.render(SAMPLES[sample]())) <= 65_000


def test_what_gave_way_to_the_limit_is_told() -> None:
    result = faster()
    where = Location(file="/r/a.py", line=1, column=0, end_line=40, end_column=9, code="\n".join(["x = y" * 60] * 40))
    wide = tuple(msgspec.structs.replace(result.findings[0], locations=(where,)) for _ in range(60))
    text = markdown.render(msgspec.structs.replace(result, findings=wide))
    assert len(text) <= 65_000
    left = re.search(r"(\d+) more findings: see audit\.json\.", text)
    assert left is not None
    assert int(left[1]) > 40
    passed = msgspec.structs.replace(result.findings[0], status="passed", title="Nothing here " * 20)
    text = markdown.render(msgspec.structs.replace(result, findings=(passed,) * 900, command="sdprof " * 20_000))
    assert len(text) <= 65_000
    assert "Do it again: left out here for want of room; report.html and audit.json have it." in text
    assert text.count("left out here for want of room") == 2
    assert "| fix | | gain (95%)" in text
