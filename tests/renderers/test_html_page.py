import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec
import pytest

from sdprof.model import AuditResult
from sdprof.renderers import html
from tests.renderers.samples import HOSTILE, SAMPLES, faster

LARGEST_BYTES = 1_500_000
VOID = {"meta", "br", "wbr", "input", "link", "img", "hr"}


class Page(HTMLParser):
    """The page as tags, texts and ids, with its nesting checked."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text_of: dict[str, str] = {}
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            self.text_of[self.open[-1]] = self.text_of.get(self.open[-1], "") + data
        else:
            self.text += data

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]


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
    text = " ".join(Page(pages["faster"]).text.split())
    first, rest = text.split("What each fix took away", 1)
    for words in (
        "1.70 times as fast",
        "84.2 → 49.5 ms",
        "95% interval 1.67 to 1.74",
        "12 rounds",
        "A/A control",
        "Yes, within rounding",
        "Largest difference 3.1e-6",
        "Attention by scaled_dot_product_attention",
    ):
        assert words in first
    for words in ("aten::mkldnn_convolution", "214 GFLOP/s", "SpatialTransformer", "What is missing, and why"):
        assert words in rest


@pytest.mark.parametrize(("sample", "tone"), [("faster", "good"), ("slower", "bad"), ("no_candidate", "unsure")])
def test_the_tone_follows_the_verdict(pages: dict[str, str], sample: str, tone: str) -> None:
    assert f'class="result tone-{tone}"' in pages[sample]


def test_a_finding_shows_its_part_of_the_patch(pages: dict[str, str]) -> None:
    text = " ".join(Page(pages["faster"]).text.split())
    assert text.count("alphas[index].expand(b, 1, 1, 1)") == 2
    assert "44 before, 1 after" in text
    assert "declined: It is printed." in text


def test_a_clean_pass_is_shown_as_a_pass(pages: dict[str, str]) -> None:
    text = " ".join(Page(pages["no_fixes"]).text.split())
    assert "No copy and no sync was seen." in text
    assert "✓ 1 graph, no break" in text
    assert "Nothing: every section was collected." in text


def test_every_gap_gives_its_reason_and_remedy(pages: dict[str, str]) -> None:
    text = Page(pages["everything_missing"]).text
    for gap in SAMPLES["everything_missing"]().missing:
        assert gap.reason in text
        assert gap.remedy in text


def test_each_finding_shows_its_expression_between_marks(pages: dict[str, str]) -> None:
    assert "<mark>scores.softmax(dim=-1)</mark>" in pages["faster"]


def test_the_same_audit_gives_the_same_page() -> None:
    assert html.render(faster()) == html.render(faster())


def test_an_audit_read_back_renders_alike() -> None:
    result = faster()
    again = msgspec.json.decode(msgspec.json.encode(result), type=AuditResult)
    assert html.render(again) == html.render(result)
