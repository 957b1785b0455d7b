"""The page's Content-Security-Policy: the two inline blocks that we wrote, by their hash, and nothing else."""

from __future__ import annotations

import base64
import hashlib


def policy(style: str, script: str) -> str:
    """A policy under which the page runs this style and this script and can reach nothing: no network, no form, no
    frame, no event attribute, no style attribute.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
