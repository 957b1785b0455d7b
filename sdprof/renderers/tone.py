"""Whether an answer is good news."""

from __future__ import annotations

from typing import Literal

Tone = Literal["good", "bad", "unsure"]
