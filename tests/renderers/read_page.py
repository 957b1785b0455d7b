"""report.html read back as data: its tags, tables, findings and facts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "input", "link", "img", "hr"}
UNSEEN = {"style", "script", "title", "head"}


@dataclass(frozen=True)
class Table:
    """A table as its reader sees it: headings, and the words of every cell."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, heading: str) -> list[str]:
        """The cells under the first heading of that name."""
        place = self.headings.index(heading)
        return [row[place] for row in self.rows]


@dataclass(frozen=True)
class ShownFinding:
    """A finding in the list of findings."""

    id: str
    title: str
    severity: str
    """Empty for a pass, which is shown on one line."""
    status: str
    marked: tuple[str, ...]
    """Expressions that its excerpts mark."""
    facts: dict[str, str]
    words: str


class Page(HTMLParser):
    """The page as tags, texts and ids, with its nesting checked."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text_of: dict[str, str] = {}
        self.text = ""
        self._tree = ET.TreeBuilder()
        self.feed(source)
        self.close()
        self.root = self._tree.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._tree.start(tag, {name: value or "" for name, value in attrs})
        if tag in VOID:
            self._tree.end(tag)
        else:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._tree.start(tag, {name: value or "" for name, value in attrs})
        self._tree.end(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._tree.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self._tree.data(data)
        if self.open and self.open[-1] in ("style", "script"):
            self.text_of[self.open[-1]] = self.text_of.get(self.open[-1], "") + data
        else:
            self.text += data

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Tables by the label of the region that holds them."""
        found = {}
        for region in self.root.iter("div"):
            table = region.find("table")
            if table is not None and "aria-label" in region.attrib:
                found[region.attrib["aria-label"]] = read_table(table)
        return found

    @cached_property
    def findings(self) -> tuple[ShownFinding, ...]:
        """All findings, in the order of the page."""
        return tuple(self._findings())

    def answer(self, question: str) -> str:
        """The words under one of the questions on the first screen."""
        for section in self.root.iter("section"):
            heading = section.find("h2")
            if heading is not None and words(heading) == question:
                return words(section).removeprefix(question).strip()
        raise AssertionError(question)

    def section(self, id: str) -> ET.Element:
        """The section of that id."""
        return next(section for section in self.root.iter("section") if section.get("id") == id)

    @property
    def result(self) -> ET.Element:
        """What the first screen holds."""
        return next(header for header in self.root.iter("header") if "result" in classes(header))

    def _findings(self) -> Iterator[ShownFinding]:
        for group in self.root.iter("section"):
            if "group" not in classes(group):
                continue
            status = (group.get("id") or "").removeprefix("findings-")
            for element in group.iter():
                if "finding" not in classes(element):
                    continue
                head = element.find("summary")
                if head is None:
                    *_, code = element.iter("code")
                    yield ShownFinding(words(code), words(element), "", status, (), {}, words(element))
                    continue
                *_, code = head.iter("code")
                title = next(part for part in head.iter("span") if "title" in classes(part))
                severity = next(part for part in head.iter("span") if "sev" in classes(part))
                marked = tuple("".join(mark.itertext()) for mark in element.iter("mark"))
                facts = {words(row[0]): words(row[1]) for row in element.iter("div") if [c.tag for c in row] == PAIR}
                yield ShownFinding(words(code), words(title), words(severity), status, marked, facts, words(element))


PAIR = ["dt", "dd"]


def read_table(table: ET.Element) -> Table:
    """Headings and body of a table; a foot is decoration."""
    head, body = table.find("thead"), table.find("tbody")
    assert head is not None
    assert body is not None
    (row,) = head
    return Table(
        headings=tuple(words(cell) for cell in row), rows=tuple(tuple(words(cell) for cell in line) for line in body)
    )


def classes(element: ET.Element) -> list[str]:
    """An element's CSS classes."""
    return (element.get("class") or "").split()


def words(element: ET.Element) -> str:
    """The text of an element on one line, as a reader would say it."""
    parts: list[str] = []
    _collect(element, parts)
    return " ".join("".join(parts).split())


def _collect(element: ET.Element, parts: list[str]) -> None:
    if element.tag in UNSEEN or element.get("aria-hidden") == "true":
        return
    parts.append(element.text or "")
    for child in element:
        _collect(child, parts)
        # Blocks stand apart where the source has no space between them; a possible break inside a word does not.
        if child.tag not in ("wbr", "span", "a", "code", "mark", "em", "strong"):
            parts.append(" ")
        parts.append(child.tail or "")
