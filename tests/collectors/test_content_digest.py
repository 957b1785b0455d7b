import torch
from hypothesis import given
from hypothesis import strategies as st

from sdprof.collectors.content_digest import ContentDigest

digest = ContentDigest()


def test_equal_content_has_equal_digests():
    a = torch.arange(12.0).reshape(3, 4)
    assert digest(a) == digest(a.clone())
    assert digest((a, {"t": 1})) == digest((a.clone(), {"t": 1}))
    assert digest(a.t()) == digest(a.t().contiguous())
    assert digest(torch.tensor(2.5)) == digest(torch.tensor(2.5))
    assert digest(a.bfloat16()) == digest(a.bfloat16())


def test_different_content_has_different_digests():
    a = torch.arange(12.0).reshape(3, 4)
    values = [
        a,
        a.t(),
        a.reshape(4, 3),
        a.double(),
        a.half(),
        a + 1,
        (a,),
        (a, a),
        ((a,), a),
        {"x": a},
        {"y": a},
        torch.tensor(1.0),
        torch.tensor(True),
        1,
        True,
        1.0,
        "1",
        None,
        torch.float32,
        torch.complex(a, a),
        torch.complex(a, a).conj(),
    ]
    assert len({digest(value) for value in values}) == len(values)


def test_a_write_is_noticed():
    a = torch.zeros(4)
    before = digest(a)
    a += 1
    assert digest(a) != before
    with torch.inference_mode():
        b = torch.zeros(4)
        before = digest(b)
        b += 1
        assert digest(b) != before


def test_what_cannot_be_compared_is_never_the_same():
    generator = torch.Generator()
    assert digest(generator) != digest(generator)
    assert digest(torch.eye(3).to_sparse()) != digest(torch.eye(3).to_sparse())


def test_a_write_that_moves_no_counter_is_noticed_after_forgetting():
    a = torch.zeros(4)
    before = digest(a)
    a.numpy()[:] = 1
    digest.forget()
    assert digest(a) != before


plain = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(values, values)
def test_equal_digests_mean_equal_values(first, second):
    assert digest(first) == digest(first)
    if digest(first) == digest(second):
        assert first == second
