import msgspec

from sdprof.model import HotOp, TraceTotal
from sdprof.model.trace import MOST_TOTALS
from sdprof.renderers.html import render
from sdprof.renderers.html.before_and_after import graph_regions, kernel_tables, operators, transfer_sites
from tests.renderers.read_page import Page, classes, words
from tests.renderers.samples import graphs, on_a_gpu, transfers


def operator(name: str, shapes: str) -> HotOp:
    return HotOp(name=name, calls=1, seconds=1.0, share=0.5, input_shapes=shapes)


def test_an_operator_is_the_same_in_another_shape_where_its_name_is_unique() -> None:
    (pair,) = operators([operator("aten::mm", "[2, 3]")], [operator("aten::mm", "[3, 2]")])
    assert pair.before is not None
    assert pair.after is not None


def test_rows_of_one_name_are_told_apart_by_their_shapes() -> None:
    before = [operator("aten::mm", "[2, 3]"), operator("aten::mm", "[5, 5]")]
    pairs = operators(before, [operator("aten::mm", "[5, 5]")])
    assert [(pair.before is not None, pair.after is not None) for pair in pairs] == [(True, False), (True, True)]


def test_of_equal_shares_what_came_stands_last() -> None:
    pairs = operators([operator("a", "")], [operator("b", ""), operator("a", "")])
    assert [(pair.either.name, pair.before is None) for pair in pairs] == [("a", False), ("b", True)]


def test_what_takes_most_on_either_side_stands_first() -> None:
    before = [HotOp(name=name, calls=1, seconds=1.0, share=share) for name, share in (("a", 0.4), ("b", 0.1))]
    after = [HotOp(name=name, calls=1, seconds=1.0, share=share) for name, share in (("b", 0.3), ("c", 0.6))]
    assert [pair.either.name for pair in operators(before, after)] == ["c", "a", "b"]


def test_regions_with_and_without_grad_are_two() -> None:
    pairs = {(pair.either.name, pair.either.grad): pair for pair in graph_regions(graphs())}
    assert len(pairs) == 4
    assert pairs["unet", True].before != pairs["unet", True].after
    assert pairs["sampler step", False].after is None


def test_a_site_is_followed_when_its_line_moves() -> None:
    both = transfers()
    assert both.candidate is not None
    moved = tuple(
        msgspec.structs.replace(site, where=msgspec.structs.replace(site.where, line=site.where.line + 3))
        for site in both.candidate.sites
    )
    after = msgspec.structs.replace(both.candidate, sites=moved)
    pairs = transfer_sites(msgspec.structs.replace(both, candidate=after))
    assert [pair.either.kind for pair in pairs] == ["SYNC", "H2D", "D2H"]
    assert [pair.after is None for pair in pairs] == [False, True, False]


def test_nothing_recorded_gives_no_rows() -> None:
    assert transfer_sites(None) == graph_regions(None) == operators((), ()) == ()


def test_kernels_came_stayed_and_went_where_both_sides_have_them() -> None:
    result = on_a_gpu()
    assert result.trace is not None
    assert result.trace_after is not None
    (names, *_) = kernel_tables(result)
    assert names.compared
    rows = {pair.either.name: pair for pair in names.rows}
    gone, stayed = (total.name for total in result.trace.kernels_by_name[:2])
    assert (rows[gone].before is not None, rows[gone].after) == (True, None)
    assert rows["fused_attention_kernel"].before is None
    assert rows[stayed].before is not None
    assert rows[stayed].after is not None
    without = msgspec.structs.replace(result.trace_after, kernels_by_name=())
    assert not any(table.compared for table in kernel_tables(msgspec.structs.replace(result, trace_after=without)))
    assert kernel_tables(msgspec.structs.replace(result, trace=None)) == ()


def test_a_kernel_went_only_where_the_other_list_is_whole() -> None:
    def marks(length: int) -> list[str]:
        others = tuple(TraceTotal(name=f"other {n}", count=1, device_us=1.0, share=1 / length) for n in range(length))
        trace = result.trace
        assert trace is not None
        only = TraceTotal(name="k", count=2, device_us=5.0, share=1.0)
        before = msgspec.structs.replace(trace, kernels_by_name=(only,))
        after = msgspec.structs.replace(trace, kernels_by_name=others)
        bare = {"kernels_by_operator": (), "kernels_by_module": ()}
        page = Page(
            render(
                msgspec.structs.replace(
                    result,
                    trace=msgspec.structs.replace(before, **bare),
                    trace_after=msgspec.structs.replace(after, **bare),
                )
            )
        )
        return [words(span) for span in page.section("trace").iter("span") if "tag" in classes(span)]

    result = on_a_gpu()
    assert sorted(marks(1)) == ["came", "went"]
    assert set(marks(MOST_TOTALS)) == {"came"}
