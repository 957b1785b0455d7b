"""Events of one kind, column by column: numbers side by side, and each distinct text once.

Made of the standard library's arrays, so that a process that only parses need not import what computes.
"""

from __future__ import annotations

import math
import zlib
from array import array
from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec

from sdprof.facts.trace_file.event_kinds import COLUMNS_OF_KIND, TEXT_COLUMNS
from sdprof.facts.trace_file.raw_event import ABSENT, NO_ARGUMENTS, RawArguments, RawEvent, Scalar

_INT64_LIMIT = 1 << 63


class SealedColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Columns that grow no more, as memory that another process can take over."""

    starts_us: memoryview
    """Doubles; NaN where there is none."""
    durations_us: memoryview
    numbers: dict[str, memoryview]
    """By column: 64 bits each, ABSENT where there is none."""
    codes: dict[str, memoryview]
    """By column: 32 bits each, the place of the event's text among ``texts``."""
    texts: dict[str, list[str]]


class EventColumns:
    """Grows batch by batch."""

    def __init__(self, kind: str) -> None:
        columns = COLUMNS_OF_KIND[kind]
        self._starts_us, self._durations_us = array("d"), array("d")
        self._numbers = {column: array("q") for column in columns if column not in TEXT_COLUMNS}
        self._codes = {column: array("I") for column in columns if column in TEXT_COLUMNS}
        self._texts = {column: _Texts() for column in self._codes}

    def add(self, events: Sequence[RawEvent]) -> None:
        """Append one row for each event."""
        _append_times(self._starts_us, [event.ts for event in events])
        _append_times(self._durations_us, [event.dur for event in events])
        arguments = [event.args or NO_ARGUMENTS for event in events]
        for column, numbers in self._numbers.items():
            _append_numbers(numbers, _numbers(column, events, arguments), column, events, arguments)
        for column, codes in self._codes.items():
            _append_codes(codes, self._texts[column], _texts(column, events, arguments))

    def sealed(self) -> SealedColumns:
        """What was gathered; nothing may be added while it is in use."""
        return SealedColumns(
            starts_us=memoryview(self._starts_us).cast("B"),
            durations_us=memoryview(self._durations_us).cast("B"),
            numbers={column: memoryview(numbers).cast("B") for column, numbers in self._numbers.items()},
            codes={column: memoryview(codes).cast("B") for column, codes in self._codes.items()},
            texts={column: list(map(_as_text, texts)) for column, texts in self._texts.items()},
        )


class _Texts(dict[str | bytes, int]):
    """A number for each text, in the order in which they are first asked for."""

    def __missing__(self, text: str | bytes) -> int:
        number = self[text] = len(self)
        return number


def _as_text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")


def _numbers(column: str, events: Sequence[RawEvent], arguments: Sequence[RawArguments]) -> list[Scalar]:
    # Spelled out, because CPython reads a named attribute in a comprehension twice as fast as through attrgetter.
    match column:
        case "pid":
            return [event.pid for event in events]
        case "tid":
            return [event.tid for event in events]
        case "device":
            return [given.device for given in arguments]
        case "stream":
            return [given.stream for given in arguments]
        case "external_id":
            return [given.external_id for given in arguments]
        case "correlation":
            return [given.correlation for given in arguments]
        case _:
            return list(map(attrgetter(column), arguments))


def _instead(column: str, events: Sequence[RawEvent], arguments: Sequence[RawArguments]) -> Iterable[Scalar] | None:
    """Where older writers say it: a device and a stream in pid and tid alone."""
    match column:
        case "device":
            return (event.pid for event in events)
        case "stream":
            return (event.tid for event in events)
        case "external_id":
            return (given.older_external_id for given in arguments)
        case _:
            return None


def _texts(column: str, events: Sequence[RawEvent], arguments: Sequence[RawArguments]) -> list[str] | list[bytes]:
    match column:
        case "shapes":
            return _copied([given.shapes for given in arguments])
        case "dtypes":
            return _copied([given.dtypes for given in arguments])
        case "call_stack":
            return [given.call_stack for given in arguments]
        case _:
            return [event.name for event in events]


def _copied(texts: list[msgspec.Raw]) -> list[bytes]:
    # All at once, in half the time of one by one. JSON has no zero byte.
    return b"\0".join(texts).split(b"\0")


def _append_times(column: array[float], values: list[float | None]) -> None:
    try:
        column.fromlist(values)  # type: ignore[arg-type]
    except TypeError:
        column.fromlist([math.nan if value is None else value for value in values])


def _append_numbers(
    numbers: array[int],
    values: list[Scalar],
    column: str,
    events: Sequence[RawEvent],
    arguments: Sequence[RawArguments],
) -> None:
    others = _instead(column, events, arguments)
    if (others is None or ABSENT not in values) and _are_numbers(numbers, values):
        return
    if others is not None:
        values = [
            other if value is None or value == ABSENT else value for value, other in zip(values, others, strict=True)
        ]
        if _are_numbers(numbers, values):
            return
    number = _identifier if column in ("pid", "tid") else _whole_number
    numbers.fromlist([number(value) for value in values])


def _are_numbers(numbers: array[int], values: list[Scalar]) -> bool:
    """Append them if they are; as an array takes all of a list or nothing, that is the fastest way to find out."""
    try:
        numbers.fromlist(values)  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return False
    return True


def _append_codes(codes: array[int], number_of: _Texts, texts: list[str] | list[bytes]) -> None:
    # What no event of the batch has is empty everywhere.
    if not (texts[0] or texts[-1] or any(texts)):
        codes.extend(array("I", [number_of[texts[0]]]) * len(texts))
    else:  # a list: fromlist() knows how much room it needs
        codes.fromlist(list(map(number_of.__getitem__, texts)))


def _whole_number(value: Scalar) -> int:
    """A whole number, quoted or not; ABSENT where the value is none."""
    if isinstance(value, str):
        try:
            value = int(value.removeprefix("stream").strip()[:20])
        except ValueError:
            return ABSENT
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return value if value is not None and -_INT64_LIMIT <= value < _INT64_LIMIT else ABSENT


def _identifier(value: Scalar) -> int:
    """A process or thread id; one that is a name gets a negative number of its own."""
    number = _whole_number(value)
    if number == ABSENT and value is not None and value != ABSENT:
        return -1 - zlib.crc32(str(value).encode("utf-8", "replace"))
    return number
