"""The sets name targets and fixes that there are, and differ where they say that they do."""

import pytest

from sdprof.bench.configurations import FAMILIES, SEED, ConfigurationSet
from sdprof.fixes.registry import in_order
from sdprof.renderers.bench.published import published_seconds
from sdprof.target_index import builtin_targets

SETS = [each for family in FAMILIES.values() for each in family.values()]


@pytest.mark.parametrize("taking_part", SETS, ids=lambda each: each.title)
def test_every_configuration_can_be_asked_for(taking_part: ConfigurationSet) -> None:
    targets = {found.declaration.name for found in builtin_targets()}
    ids = [each.id for each in taking_part.configurations]
    assert len(set(ids)) == len(ids)
    assert taking_part.reference in ids
    for each in taking_part.configurations:
        assert each.target in targets
        assert {fix.id for fix in in_order(each.fixes)} == set(each.fixes)
    assert len({(each.target, *each.extra.items(), each.fixes) for each in taking_part.configurations}) == len(ids)


def test_the_articles_configurations_have_its_seconds() -> None:
    assert [each.id for each in SEED.configurations] == list("ABCDE")
    seconds = [published_seconds("A100", 1, each.published) for each in SEED.configurations]
    assert seconds == [8.0, 6.7, 5.7, 5.3, 4.1]


def test_lossy_recipes_are_named_so() -> None:
    for each in (configuration for taking_part in SETS for configuration in taking_part.configurations):
        lossy = any(fix.numerics == "lossy" for fix in in_order(each.fixes))
        assert lossy == ("lossy" in each.label)


def test_every_way_to_train_is_measured_with_and_without_checkpointing() -> None:
    ways: dict[str, set[tuple[str, tuple[str, ...]]]] = {"0": set(), "1": set()}
    for each in FAMILIES["sd21"]["training"].configurations:
        ways[each.extra["checkpointing"]].add((each.extra["attention"], each.fixes))
    assert ways["0"] == ways["1"]
    assert len(ways["0"]) == 3
