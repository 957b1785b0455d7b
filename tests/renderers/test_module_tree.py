from sdprof.model import HotModule
from sdprof.renderers.html.module_tree import MOST_MODULES, module_tree


def module(name: str, share: float = 0.1) -> HotModule:
    return HotModule(
        name=name,
        class_name="Block",
        calls=1,
        seconds=share,
        share=share,
        flops=1,
        percent_of_peak=None,
        depth=name.count("."),
    )


def test_a_name_is_told_from_the_row_that_holds_it() -> None:
    names = ("unet", "unet.down.0", "unet.down.0.attention", "unet.down.10", "unet.middle", "vae")
    tree = module_tree(tuple(module(name) for name in names))
    assert [(row.label, row.level) for row in tree.rows] == [
        ("unet", 0),
        ("down.0", 1),
        ("attention", 2),
        ("down.10", 1),
        ("middle", 1),
        ("vae", 0),
    ]


def test_a_name_that_merely_begins_alike_holds_nothing() -> None:
    tree = module_tree((module("unet"), module("unet2.block")))
    assert [(row.label, row.level) for row in tree.rows] == [("unet", 0), ("unet2.block", 0)]


def test_what_takes_next_to_nothing_is_counted_and_not_shown() -> None:
    tree = module_tree((module("unet", 0.9), module("unet.a", 0.001)))
    assert ([row.label for row in tree.rows], tree.hidden) == (["unet"], 1)
    many = module_tree(tuple(module(f"m{number}", 0.01 + number / 1e6) for number in range(MOST_MODULES + 5)))
    assert (len(many.rows), many.hidden) == (MOST_MODULES, 5)
