"""A column of names, searched by its few distinct ones rather than row by row."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

Flags = npt.NDArray[np.bool_]


class DistinctNames:
    """The names of many events."""

    def __init__(self, names: pl.Series) -> None:
        """:param names: categorical, without nulls."""
        self.codes: npt.NDArray[np.int64] = names.to_physical().to_numpy().astype(np.int64)
        """Equal for equal names."""
        self._names = names

    @cached_property
    def _distinct(self) -> pl.Series:
        return self._names.unique()

    def __getitem__(self, event: int) -> str:
        """The name of one event."""
        return self.text(int(self.codes[event]))

    def text(self, code: int) -> str:
        """The name with a code."""
        return self._text_of_code[code]

    @cached_property
    def _text_of_code(self) -> dict[int, str]:
        return dict(zip(self._distinct.to_physical().to_list(), self._distinct.cast(pl.String), strict=True))

    def where(self, chosen: Callable[[pl.Series], pl.Series]) -> Flags:
        """Which events have a name that is chosen.

        :param chosen: says of a series of distinct names, as text, which ones.
        """
        if not len(self.codes):
            return np.zeros(0, np.bool_)
        flags = np.zeros(int(self.codes.max()) + 1, np.bool_)
        codes = self._distinct.to_physical().to_numpy().astype(np.int64)
        flags[codes] = chosen(self._distinct.cast(pl.String)).fill_null(False).to_numpy()
        return flags[self.codes]
