"""Lists of parsed events as polars columns."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec
import polars as pl

from sdprof.facts.trace.raw_event import NOTHING, Scalar

_INT64_LIMIT = 1 << 63


def number_column(name: str, values: Sequence[Scalar]) -> pl.Series:
    """Whole numbers, quoted or not; null where a value is absent or is none."""
    try:
        return pl.Series(name, values, dtype=pl.Int64)
    except (TypeError, OverflowError):
        return pl.Series(name, [_whole_number(value) for value in values], dtype=pl.Int64)


def identifier_column(name: str, values: Sequence[Scalar]) -> pl.Series:
    """Process and thread ids; those that are names get a negative number of their own."""
    try:
        return pl.Series(name, values, dtype=pl.Int64)
    except (TypeError, OverflowError):
        return pl.Series(name, [_identifier(value) for value in values], dtype=pl.Int64)


def text_column(name: str, values: Sequence[str]) -> pl.Series:
    """Names: few distinct ones, so each is stored once."""
    if not any(values):  # stacks of a trace without stacks
        return pl.Series(name, [""], dtype=pl.String).cast(pl.Categorical).new_from_index(0, len(values))
    return pl.Series(name, values, dtype=pl.String).cast(pl.Categorical)


def raw_text_column(name: str, values: Sequence[msgspec.Raw]) -> pl.Series:
    """Unparsed JSON as text; null where there is none."""
    if all(value is NOTHING for value in values):
        return pl.Series(name, [None], dtype=pl.Categorical).new_from_index(0, len(values))
    texts = [bytes(value) or None for value in values]
    try:
        column = pl.Series(name, texts, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:  # damaged: no UTF-8
        column = pl.Series(name, [text and text.decode("utf-8", "replace") for text in texts], dtype=pl.String)
    return column.cast(pl.Categorical)


def _whole_number(value: Scalar) -> int | None:
    if isinstance(value, str):
        try:
            value = int(value.removeprefix("stream").strip()[:20])
        except ValueError:
            return None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return value if value is not None and -_INT64_LIMIT <= value < _INT64_LIMIT else None


def _identifier(value: Scalar) -> int | None:
    number = _whole_number(value)
    if number is None and value is not None:
        return -1 - zlib.crc32(str(value).encode("utf-8", "replace"))
    return number
