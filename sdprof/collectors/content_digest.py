"""Tell whether two calls were given the same content."""

from __future__ import annotations

import enum
import hashlib
import itertools
import weakref
from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size, enum.Enum)


class ContentDigest:
    """Digests arguments by content: equal digests mean equal content, bit by bit.

    All bytes of a tensor are digested, whatever its size (about 1.5 GB a second; tensors on a device are copied to the
    host for it). Until ``forget``, a tensor object that was digested before and whose version counter stands still is
    not read again; a write through ``.data`` or through numpy moves no counter, so forget between steps. What cannot be
    compared (a generator, a new sparse tensor) counts as different each time.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], int, bytes]] = {}
        self._unique = itertools.count()

    def __call__(self, value: Any) -> bytes:
        """Digest of a value, of tensors in any nesting of lists, tuples and dicts."""
        digest = hashlib.sha1(usedforsecurity=False)
        with _disable_current_modes(), torch.no_grad():
            for part in self._parts(value):
                digest.update(len(part).to_bytes(8, "little"))
                digest.update(part)
        return digest.digest()

    def forget(self) -> None:
        """Read every tensor anew from here on."""
        self._known.clear()

    def _parts(self, value: Any) -> list[bytes]:
        if isinstance(value, torch.Tensor):
            return [self._tensor(value)]
        if isinstance(value, PLAIN):
            return [f"{type(value).__qualname__} {value!r}".encode()]
        if isinstance(value, list | tuple):
            return [f"sequence {len(value)}".encode(), *(part for item in value for part in self._parts(item))]
        if isinstance(value, Mapping):
            keys = f"mapping {list(value)!r}".encode()
            return [keys, *(part for item in value.values() for part in self._parts(item))]
        if isinstance(value, torch.nn.Module):
            return [f"module {id(value)}".encode()]
        return [f"unique {next(self._unique)}".encode()]

    def _tensor(self, tensor: torch.Tensor) -> bytes:
        version = -1 if tensor.is_inference() else tensor._version
        known = self._known.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == version >= 0:
            return known[2]
        digest = self._bytes_of(tensor)
        self._known[id(tensor)] = (weakref.ref(tensor), version, digest)
        return digest

    def _bytes_of(self, tensor: torch.Tensor) -> bytes:
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
            return f"unique {next(self._unique)}".encode()
        plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        head = f"{tensor.dtype} {tuple(tensor.shape)} {tensor.device}".encode()
        return head + hashlib.sha1(plain.view(torch.uint8).numpy().data, usedforsecurity=False).digest()
