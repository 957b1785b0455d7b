"""Copies between host and device, and synchronisations."""

from __future__ import annotations

from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.model import CollectorMeta, TransferProfile

META = CollectorMeta(id="transfers", title="Copies and synchronisations", artifact="transfers.json", eager_only=True)


def collect(watched: WatchedRun) -> TransferProfile:
    """Watch the copies of one run.

    :raises CannotCollectError: on a machine without CUDA, where there is nothing to copy to.
    """
    raise CannotCollectError(
        f"The loop ran on {watched.device.type}: there is no device to copy to or to wait for.",
        "Audit on a machine with CUDA.",
    )
