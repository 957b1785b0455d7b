"""Pictures of outputs, as far as they are what they say: a data address of a small PNG, and nothing else."""

from __future__ import annotations

import re

from sdprof.model import AuditResult, OutputPicture

_PNG = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")
LARGEST_CHARACTERS = 200_000
MOST_PICTURES = 2


def output_pictures(result: AuditResult) -> tuple[OutputPicture, ...]:
    """Those that can be shown; an address of any other form, or one that is too long, leaves its picture out."""
    return tuple(picture for picture in result.pictures if _is_safe(picture))[:MOST_PICTURES]


def _is_safe(picture: OutputPicture) -> bool:
    addresses = (picture.before_png, picture.after_png, picture.difference_png)
    return all(len(address) <= LARGEST_CHARACTERS and _PNG.fullmatch(address) for address in addresses)
