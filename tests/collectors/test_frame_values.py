"""What is seen of the names in a running function."""

from __future__ import annotations

import sys

import torch

from sdprof.collectors.frame_values import seen_values


def test_entries_of_dictionaries_are_seen_where_the_code_names_them() -> None:
    def step(settings: dict, other: dict):
        used = settings["eta"], settings["inner"]["table"], other["eta"]
        return used and seen_values(sys._getframe())

    class Settings(dict):
        def __getitem__(self, key):
            raise AssertionError("no code of the user runs")

        get = __getitem__

    inner = {"table": torch.zeros(3, dtype=torch.int64), "unused": 1}
    plain = {"eta": 0.5, "inner": inner, "beta": 2.0}

    def of_a_class(settings: dict):
        return None if settings is None else (seen_values(sys._getframe()), "eta")

    seen = step(plain, {"eta": "a text"})
    assert (seen['settings["eta"]'].kind, seen['settings["eta"]'].dtype) == ("number", "float")
    assert seen['settings["inner"]["table"]'].dtype == "int64"
    assert seen['other["eta"]'].type_name == "str"
    assert not {each for each in seen if "beta" in each or "unused" in each}
    assert 'settings["eta"]' not in of_a_class(Settings(eta=1))[0]
