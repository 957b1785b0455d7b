"""Functions that an edit may add to the end of the user's module, where no plainer code does it.

They are written to be read and kept: each stands alone, imports what it needs, and falls back to what the code did
before where it cannot be sure.
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

HELPERS: dict[str, str] = {"_on_host": ON_HOST}
