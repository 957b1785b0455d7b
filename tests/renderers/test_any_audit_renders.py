"""Whatever numbers an audit.json holds, and whatever it lacks: every format writes it down."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdprof.model import AuditResult, MemoryPair
from sdprof.renderers import html
from sdprof.renderers.formats import FORMATS, Surroundings
from sdprof.renderers.read_audit import UnreadableAuditError, parse_audit
from tests.renderers.read_page import Page
from tests.renderers.samples import SAMPLES, faster

SMALL = [name for name in SAMPLES if name != "huge"]
ODD_NUMBERS = (0, -1, 1, 2**63, -(2**63), 10**400, 1e308, -1e308, 5e-324, 0.0, -0.0)
ODD_TEXTS = ("", " ", "baseline", "\r\n", "\x00", "a" * 5000)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value could be put in place of another: every leaf and every list."""
    found: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        found.append(path)
        for number, item in enumerate(value[:4]):
            found += places(item, (*path, number))
    else:
        found.append(path)
    return found


def put(raw: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        raw = raw[key]
    raw[path[-1]] = value


def at(raw: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        raw = raw[key]
    return raw


def rendered(result: AuditResult) -> None:
    for format in FORMATS.values():
        assert format.render(result, Surroundings(root="/home/ada")).encode("utf-8")


RAW = {name: msgspec.json.encode(SAMPLES[name]()) for name in SMALL}
PLACES = {name: places(msgspec.json.decode(RAW[name])) for name in SMALL}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_format_writes_whatever_can_be_read(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(SMALL))
    raw = msgspec.json.decode(RAW[name])
    for _ in range(data.draw(st.integers(1, 6))):
        path = data.draw(st.sampled_from(PLACES[name]))
        try:
            old = at(raw, path)
        except (LookupError, TypeError):  # an earlier change took the place away
            continue
        if isinstance(old, list):
            value: Any = []
        elif isinstance(old, str):
            value = data.draw(st.sampled_from(ODD_TEXTS))
        else:
            value = data.draw(st.sampled_from((*ODD_NUMBERS, None)))
        put(raw, path, value)
    try:
        result = parse_audit(json(raw))
    except UnreadableAuditError:
        return
    rendered(result)


def json(raw: Any) -> bytes:
    import json as writer  # msgspec writes no integer beyond 64 bits; other programs do

    return writer.dumps(raw).encode()


@pytest.mark.parametrize("number", ODD_NUMBERS)
@pytest.mark.parametrize("name", SMALL)
def test_one_number_everywhere(name: str, number: float) -> None:
    raw = msgspec.json.decode(RAW[name])
    for path in PLACES[name]:
        old = at(raw, path)
        if isinstance(old, float) or (
            isinstance(old, int) and not isinstance(old, bool) and path[-1] != "schema_version"
        ):
            whole = isinstance(old, int) and not isinstance(number, int)
            put(raw, path, old if whole else number)
    try:
        result = parse_audit(json(raw))
    except UnreadableAuditError:
        return
    rendered(result)


def test_a_page_without_the_variant_that_the_comparison_names() -> None:
    result = faster()
    rendered(msgspec.structs.replace(result, variants=result.variants[2:]))
    rendered(msgspec.structs.replace(result, variants=result.variants[2:], waterfall=()))
    page = Page(html.render(msgspec.structs.replace(result, variants=(), memory=MemoryPair())))
    assert page.answer("How much faster") == "1.70× 95% interval 1.67 to 1.74"
