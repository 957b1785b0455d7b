from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from sdprof.renderers.html.breakable import breakable
from sdprof.renderers.printable import printable


def test_names_break_between_their_words():
    assert breakable("as torch.scaled_dot_product 1.5") == "as torch.<wbr>scaled_<wbr>dot_<wbr>product 1.5"


def test_what_stands_in_a_name_stays_text():
    assert breakable("<b>_x</b>\x1b") == "&lt;b&gt;_<wbr>x&lt;/b&gt;" + str(escape(printable("\x1b")))


@given(st.text())
def test_nothing_but_places_to_break_is_added(text):
    assert breakable(text).replace("<wbr>", "") == str(escape(printable(text)))
