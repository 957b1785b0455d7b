import pytest

from sdprof.collectors.graphs.traceback_text import TextFrame, frames_in, original_name
from sdprof.collectors.graphs.user_line import location_of, short_path

SOURCE = """
class Sampler:
    def sample(self, größe):
        def inner():
            return größe.item()
        return inner()

    @property
    def size(self): return 1
"""


def test_columns_count_bytes(tmp_path):
    file = tmp_path / "sampler.py"
    file.write_text(SOURCE, encoding="utf-8")

    where = location_of(TextFrame(str(file), 5, "inner", 7, 19))
    assert where.function == "Sampler.sample.<locals>.inner"
    assert where.code == "            return größe.item()"
    assert where.code.encode()[where.column : where.end_column].decode() == "größe.item()"
    assert (where.line, where.end_line) == (5, 5)


@pytest.mark.parametrize(
    ("line", "start", "expected"),
    [
        ("x = table[index] + other", 4, "table[index]"),
        ("x = f(table[index].item())", 6, "table[index].item()"),
        ("if -x:", 3, "-x"),
        ("x = a + b", 6, None),
    ],
)
def test_an_end_that_was_not_told_is_found_in_the_source(tmp_path, line, start, expected):
    file = tmp_path / "sampler.py"
    file.write_text(f"def f():\n    {line}\n" + "        pass\n" * line.endswith(":"), encoding="utf-8")

    where = location_of(TextFrame(str(file), 2, "f", start))
    told = None if where.end_column is None else where.code[where.column : where.end_column]
    assert (where.column, told) == (4 + start, expected)


def test_without_carets_there_are_no_columns(tmp_path):
    file = tmp_path / "sampler.py"
    file.write_text(SOURCE, encoding="utf-8")

    where = location_of(TextFrame(str(file), 9, "size"))
    assert (where.column, where.end_line, where.function) == (None, None, "Sampler.size")
    assert location_of(TextFrame(str(file), 9, "other")).function == "other"


def test_source_that_is_not_there():
    where = location_of(TextFrame("/nowhere/sampler.py", 5, "f", 0, 3))
    assert (where.code, where.column, where.function) == ("", None, "f")


def test_frames_of_a_traceback():
    text = """
  File "/a/b.py", line 3, in <module>
    run()
  File "/a/c.py", line 12, in torch_dynamo_resume_in_sample_at_9
    x = self.step(x)
        ~~~~~~~~~^^^
  File "/a/d.py", line 7
    loose
  File "/a/e.py", line 8, in f
    loose + tight
            ^^^^^
  File "/a/e.py", line 9, in f
    loose + tight
    ^^^^^
"""
    assert list(frames_in(text.splitlines())) == [
        TextFrame("/a/b.py", 3, "<module>"),
        TextFrame("/a/c.py", 12, "sample", 4),
        TextFrame("/a/d.py", 7),
        TextFrame("/a/e.py", 8, "f", 8),
        TextFrame("/a/e.py", 9, "f", 0, 5),
    ]
    assert original_name("sample") == "sample"


def test_short_paths():
    assert short_path("/usr/lib/python3/site-packages/diffusers/models/unet.py") == "diffusers/models/unet.py"
    assert short_path("/home/user/loops/sampler.py") == "loops/sampler.py"
