"""Mends the few ways in which trace writers break JSON, without touching what strings say."""

from __future__ import annotations

import re

_STRING_OR_NUMBER_WORD = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity|nan|inf)\b', re.DOTALL)
_NAME = re.compile(rb'("name": ")((?:(?!", ")[^\n])*?)(",\s*"(?:pid|ph|cat)":)')
_LONE_QUOTE = re.compile(rb'(?<!\\)"')
_ESCAPE = re.compile(
    rb'\\(["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})'
    rb"|u[0-9a-fA-F]{4})?"
)
_CONTROL = re.compile(rb"[\x00-\x1f]")


def repaired_json(text: bytes) -> bytes:
    """The same JSON with bare ``NaN`` and ``inf`` as null, and strings with valid escapes and valid UTF-8.

    C++ writers print infinite bandwidths as ``inf``, Python's json writes ``NaN``; file names on Windows come with
    lone backslashes; and where a module was imported while the profiler ran, Kineto printed what was left of the name
    of its code, quotes as they were. Python's json writes bytes of a file name that are no UTF-8 as lone halves of
    surrogate pairs, which become U+FFFD. A string that ends in a lone backslash cannot be told from an escaped quote
    and stays broken.
    """
    text = _NAME.sub(_repaired_name, text.decode("utf-8", "replace").encode())
    return _STRING_OR_NUMBER_WORD.sub(_repaired_token, text)


def _repaired_name(found: re.Match[bytes]) -> bytes:
    return found[1] + _LONE_QUOTE.sub(rb"\"", found[2]) + found[3]


def _repaired_token(found: re.Match[bytes]) -> bytes:
    token = found[0]
    if not token.startswith(b'"'):
        return b"null"
    if b"\\" in token:
        token = _ESCAPE.sub(_repaired_escape, token)
    return _CONTROL.sub(b" ", token)


def _repaired_escape(escape: re.Match[bytes]) -> bytes:
    if escape["lone"]:
        return rb"\ufffd"
    return escape[0] if escape[1] else rb"\\"
