import base64
import hashlib
import re

import msgspec
import pytest

from sdprof.model import AuditResult
from sdprof.renderers import html
from tests.renderers.read_page import Page, words
from tests.renderers.samples import HOSTILE, SAMPLES, faster

LARGEST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {name: html.render(sample()) for name, sample in SAMPLES.items()}


@pytest.mark.parametrize("sample", SAMPLES)
def test_tags_nest_and_links_lead_somewhere(pages: dict[str, str], sample: str) -> None:
    page = Page(pages[sample])
    assert page.open == []
    assert len(page.ids()) == len(set(page.ids()))
    targets = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert targets
    assert targets <= {f"#{id}" for id in page.ids()}


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_policy_allows_our_two_blocks_and_nothing_else(pages: dict[str, str], sample: str) -> None:
    page = Page(pages[sample])
    (policy,) = (a["content"] or "" for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.text_of[tag].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
        assert [name for name, _ in page.tags].count(tag) == 1
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_attribute_asks_for_anything(pages: dict[str, str], sample: str) -> None:
    for tag, attributes in Page(pages[sample]).tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "image", "use")
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "srcset", "action")}
        if "src" in attributes:
            assert tag == "img"
            assert re.fullmatch(r"data:image/png;base64,[A-Za-z0-9+/]+=*", attributes["src"] or "")


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_page_is_small_and_can_be_written(pages: dict[str, str], sample: str) -> None:
    assert len(pages[sample].encode("utf-8")) < LARGEST_BYTES


def test_hostile_texts_are_shown_as_text(pages: dict[str, str]) -> None:
    text = Page(pages["hostile"]).text
    for hostile in HOSTILE:
        if "\x1b" not in hostile:
            assert hostile in text
    assert "\\x1b[31mred" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", text)


def test_a_lone_surrogate_does_not_stop_the_page_from_being_written() -> None:
    result = faster()
    odd = msgspec.structs.replace(result.variants[0], label="odd \udfff")
    html.render(msgspec.structs.replace(result, variants=(odd, *result.variants[1:]))).encode("utf-8")


def test_the_first_screen_answers_before_anything_else(pages: dict[str, str]) -> None:
    page = Page(pages["faster"])
    assert words(page.result).startswith("sd21-original · small · 10 steps")
    assert page.answer("How much faster").startswith("84.2 → 49.5 ms per step; 1.70×, 95% interval 1.67 to 1.74")
    assert page.answer("How sure").startswith("Sure 12 rounds")
    assert "A/A control" in page.answer("How sure")
    assert page.answer("Still the same output").startswith("Yes, within rounding Largest difference 3.1e-6")
    assert page.answer("Why").startswith("Attention by scaled_dot_product_attention 1.24×")
    first = pages["faster"].index('<header class="result')
    assert first < min(pages["faster"].index(f'<section id="{section}"') for section in ("fixes", "findings"))


def test_a_finding_shows_its_part_of_the_patch(pages: dict[str, str]) -> None:
    page = Page(pages["faster"])
    changed = "alphas[index].expand(b, 1, 1, 1)"
    about = [finding for finding in page.findings if changed in finding.words]
    assert [finding.id for finding in about] == ["sync-in-loop"]
    patch = words(page.section("patch"))
    assert changed in patch
    assert "44 before, 1 after" in patch
    assert "declined: It is printed." in patch


def test_a_copy_before_the_loop_is_told_of_the_next_run(pages: dict[str, str]) -> None:
    table = Page(pages["faster"]).tables["Copies and syncs"]
    assert table.rows[-1][-2] == "outside the loop in the next run 6 → 0"


def test_a_clean_pass_is_shown_as_a_pass(pages: dict[str, str]) -> None:
    page = Page(pages["no_fixes"])
    assert "No copy and no sync was seen." in words(page.section("transfers"))
    assert "Copies and syncs" not in page.tables
    assert "✓ 1 graph, no break" in page.tables["Graph breaks by region"].column("Before")
    assert "Nothing: every section was collected." in words(page.section("missing"))


def test_the_same_audit_gives_the_same_page() -> None:
    assert html.render(faster()) == html.render(faster())


def test_an_audit_read_back_renders_alike() -> None:
    result = faster()
    again = msgspec.json.decode(msgspec.json.encode(result), type=AuditResult)
    assert html.render(again) == html.render(result)
