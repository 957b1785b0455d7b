"""Columns of parsed events as tables of whole nanoseconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND, SCHEMAS
from sdprof.facts.trace_file.event_columns import SealedColumns
from sdprof.facts.trace_file.raw_event import ABSENT
from sdprof.facts.trace_file.usable_times import EXACT_MICROSECONDS, LATEST_MICROSECONDS

Microseconds = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Number = TypeVar("Number", np.float64, np.int64)


class TableMaker:
    """One table for each kind of event, and what was met on the way."""

    def __init__(self, origin_us: float) -> None:
        """:param origin_us: where the tables' clock begins."""
        self.origin_us = origin_us
        self.left_out: Counter[str] = Counter()
        """Events that are in no table, by reason."""
        self.rounded_to_us = 0.0
        """To what starts with decimals were rounded, at worst; 0 where nanoseconds are exact."""

    def tables(self, stretches: Sequence[Mapping[str, SealedColumns]]) -> Mapping[str, pl.DataFrame]:
        """The tables of all stretches of a file together, one for each kind of event."""
        seen = dict.fromkeys(kind for stretch in stretches for kind in stretch)
        made = {kind: self._table(kind, [stretch[kind] for stretch in stretches if kind in stretch]) for kind in seen}
        return {kind: made[kind] if kind in made else pl.DataFrame(schema=SCHEMAS[kind]) for kind in SCHEMAS}

    def _table(self, kind: str, parts: Sequence[SealedColumns]) -> pl.DataFrame:
        starts_us = _joined([part.starts_us for part in parts], np.float64)
        durations_us = _joined([part.durations_us for part in parts], np.float64)
        usable = self._usable(starts_us, durations_us)
        columns = []
        for name in SCHEMAS[kind]:
            if name == "start_ns":
                columns.append(pl.Series(name, _nanoseconds(np.where(usable, starts_us - self.origin_us, 0))))
            elif name == "duration_ns":
                columns.append(pl.Series(name, _nanoseconds(np.where(usable, durations_us, 0))))
            elif name in parts[0].codes:
                columns.append(_text_column(name, parts))
            else:
                columns.append(_number_column(name, _joined([part.numbers[name] for part in parts], np.int64)))
        table = pl.DataFrame(columns)
        if not usable.all():
            table, starts_us = table.filter(usable), starts_us[usable]
        self._notice_rounding(starts_us)
        return table

    def _usable(self, starts_us: Microseconds, durations_us: Microseconds) -> Flags:
        has_start = np.abs(starts_us) < LATEST_MICROSECONDS
        has_duration = ~np.isnan(durations_us)
        in_range = (durations_us >= 0) & (durations_us < LATEST_MICROSECONDS)
        self._count("without a usable start", ~has_start)
        self._count("without a duration", has_start & ~has_duration)
        self._count("with a negative or impossible duration", has_start & has_duration & ~in_range)
        usable: Flags = has_start & has_duration & in_range
        return usable

    def _notice_rounding(self, starts_us: Microseconds) -> None:
        # Starts of one trace are alike: one tells whether to look at the others.
        if len(starts_us) and abs(starts_us[0]) > EXACT_MICROSECONDS and (starts_us != np.floor(starts_us)).any():
            self.rounded_to_us = max(self.rounded_to_us, float(np.spacing(np.abs(starts_us).max())))

    def _count(self, reason: str, which: Flags) -> None:
        if which.any():
            self.left_out[reason] += int(which.sum())


def _joined(parts: Sequence[memoryview], dtype: type[Number]) -> npt.NDArray[Number]:
    return np.concatenate([np.frombuffer(part, dtype) for part in parts])


def _nanoseconds(microseconds: Microseconds) -> npt.NDArray[np.int64]:
    whole: npt.NDArray[np.int64] = np.rint(microseconds * NANOSECONDS_PER_MICROSECOND).astype(np.int64)
    return whole


def _number_column(name: str, numbers: npt.NDArray[np.int64]) -> pl.Series:
    column = pl.Series(name, numbers)
    absent = numbers == ABSENT
    return column.set(pl.Series(absent), None) if absent.any() else column


def _text_column(name: str, parts: Sequence[SealedColumns]) -> pl.Series:
    """Names: few distinct ones, so each is stored once. What is no text but JSON is null where there is none."""
    columns = []
    for part in parts:
        texts = part.texts[name]
        distinct = pl.Series(name, texts if name in _ALWAYS_TEXT else [text or None for text in texts], pl.String)
        columns.append(distinct.cast(pl.Categorical).gather(np.frombuffer(part.codes[name], np.uint32)))
    return pl.concat(columns, rechunk=True)


_ALWAYS_TEXT = frozenset({"name", "call_stack"})
