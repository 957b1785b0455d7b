import pytest

from sdprof.renderers.repository_path import repository_path, uri


@pytest.mark.parametrize(
    ("file", "root", "path"),
    [
        ("/r/a/b.py", "/r", "a/b.py"),
        ("/r/a/b.py", "/r/", "a/b.py"),
        ("/rest/b.py", "/r", None),
        ("a/b.py", "/r", "a/b.py"),
        ("/r/../etc/b.py", "/r", None),
        ("/r/b.py", "", None),
    ],
)
def test_only_what_lies_inside_is_relative(file: str, root: str, path: str | None) -> None:
    assert repository_path(file, root) == path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a b/ü.py", "a%20b/%C3%BC.py"),
        ("/a b.py", "file:///a%20b.py"),
        ("c:d", "c%3Ad"),
        ("<stdin>", "%3Cstdin%3E"),
        ("x\udfff", "x%3F"),
    ],
)
def test_uris_hold_no_strange_character(path: str, expected: str) -> None:
    assert uri(path) == expected
