"""Marks of the profiler's steps, which old traces list among the operators."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

PROFILER_STEP = "ProfilerStep#"


def marks_as_annotations(tables: Mapping[str, pl.DataFrame]) -> Mapping[str, pl.DataFrame]:
    """The tables with each ``ProfilerStep#N`` among the annotations.

    Kineto before 2022 wrote them under the category of operators: there, kernels would be credited to the step, and the
    steps be lost.
    """
    operators, annotations = tables["operators"], tables["annotations"]
    # The few distinct names are searched, not each row.
    names = operators["name"].unique().cast(pl.String)
    marks = names.filter(names.str.starts_with(PROFILER_STEP))
    if not len(marks):
        return tables
    is_mark = operators["name"].is_in(marks.cast(pl.Categorical).implode())
    moved = operators.filter(is_mark).select(annotations.columns)
    return {
        **tables,
        "operators": operators.filter(~is_mark),
        "annotations": pl.concat([annotations, moved], rechunk=True),
    }
