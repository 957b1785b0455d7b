"""Text from strangers, made safe to look at: what would move the cursor or turn the reading order is shown instead."""

from __future__ import annotations

import re

# C0 and C1 controls (a terminal obeys them), bidirectional overrides (they make source read as what it is not),
# and lone surrogates (they cannot be written as UTF-8). Newline and tab stay.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def printable(text: str) -> str:
    r"""``text`` with every control character spelled out, as in ``\x1b``."""
    return _UNPRINTABLE.sub(_spell_out, text)


def one_line(text: str, limit: int = 300) -> str:
    """``text`` on one line, cut at ``limit`` characters."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def _spell_out(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
