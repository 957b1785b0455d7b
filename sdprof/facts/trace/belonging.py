"""Which event an id names: correlation ids of launches, ids of operators and of Python calls."""

from __future__ import annotations

import numpy as np
import polars as pl

from sdprof.facts.trace.nesting import NONE, Indices


def belonging(wanted: pl.Series, keys: pl.Series, index: Indices) -> Indices:
    """The index that belongs to each wanted key; NONE where the key is absent or belongs to several."""
    known = keys.is_not_null().to_numpy()
    sorted_keys, index = keys.drop_nulls().to_numpy(), index[known]
    found = np.full(len(wanted), NONE, np.int64)
    if not len(sorted_keys):
        return found
    order = np.argsort(sorted_keys, kind="stable")
    sorted_keys = sorted_keys[order]
    several = np.zeros(len(sorted_keys), np.bool_)
    same = sorted_keys[1:] == sorted_keys[:-1]
    several[1:] |= same
    several[:-1] |= same
    asked = np.flatnonzero(wanted.is_not_null().to_numpy())
    values = wanted.drop_nulls().to_numpy()
    place = np.minimum(np.searchsorted(sorted_keys, values), len(sorted_keys) - 1)
    sound = (sorted_keys[place] == values) & ~several[place]
    found[asked[sound]] = index[order[place[sound]]]
    return found
