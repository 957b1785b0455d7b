"""Functions that an edit may add to the user's module, in front of the first one that uses them.

They come where no plainer code does it. They are written to be read and kept: each stands alone, imports what it needs,
and falls back to what the code did before where it cannot be sure. An event inside a helper belongs to the expression
that calls it.
"""

from __future__ import annotations

ON_HOST = '''
def _on_host(value):
    """A host copy of a small device tensor. Its table is copied once, and again after it was written to."""
    import torch

    if not isinstance(value, torch.Tensor) or value.device.type == "cpu" or value.requires_grad:
        return value
    table = value if value._base is None else value._base
    if table.is_inference() or table.dtype != value.dtype or table.numel() > 65536 or value.is_conj() or value.is_neg():
        return value
    kept = getattr(table, "_kept_on_host", None)
    if kept is None or kept[0] != table._version:
        kept = table._kept_on_host = (table._version, table.detach().cpu())
    if kept[1].stride() != table.stride():
        return value
    return kept[1].as_strided(value.shape, value.stride(), value.storage_offset() - table.storage_offset())
'''

ON_DEVICE = '''
_KEPT_ON_DEVICE = {}


def _on_device(host, device, dtype=None):
    """``host.to(device, dtype)``, copied once for each content. The copy is shared: do not write to it."""
    import torch

    if host.device.type != "cpu" or host.requires_grad or torch.device(device).type == "cpu":
        return host.to(device, dtype)
    if host.nbytes > 65536:  # too much to compare: once for each tensor, and again after it was written to
        if host.is_inference():
            return host.to(device, dtype)
        kept = getattr(host, "_kept_on_device", None)
        if kept is None or kept[0] != (host._version, str(device), dtype):
            kept = host._kept_on_device = ((host._version, str(device), dtype), host.to(device, dtype))
        return kept[1]
    content = host.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    key = (content, host.dtype, host.shape, str(device), dtype)
    kept = _KEPT_ON_DEVICE.get(key)
    if kept is None or (kept.is_inference() and not torch.is_inference_mode_enabled()):
        if len(_KEPT_ON_DEVICE) >= 64:
            _KEPT_ON_DEVICE.clear()
        kept = _KEPT_ON_DEVICE[key] = host.to(device, dtype)
    return kept
'''

HELPERS: dict[str, str] = {"_on_host": ON_HOST, "_on_device": ON_DEVICE}
