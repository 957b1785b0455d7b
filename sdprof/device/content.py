"""The content of a host tensor as a short value that can be compared: did this copy move the same bytes again?"""

from __future__ import annotations

import ctypes
import hashlib

import torch

SHORT_BYTES = 4096
"""Up to here the bytes themselves are kept: comparing them costs less than a digest."""
DIGEST_BYTES = 16


def digest(host: torch.Tensor) -> bytes | None:
    """The bytes of a tensor, or a BLAKE2 digest of them; None where a tensor has no plain memory (meta, sparse)."""
    if host.is_meta or host.layout is not _STRIDED:
        return None
    dense = host if host.is_contiguous() else host.contiguous()
    size = dense.nbytes
    if size <= SHORT_BYTES:
        return _bytes_at(dense.data_ptr(), size)
    memory = (ctypes.c_char * size).from_address(dense.data_ptr())
    return hashlib.blake2b(memory, digest_size=DIGEST_BYTES).digest()


_STRIDED = torch.strided
_bytes_at = ctypes.string_at
