"""Open the run folder, or an older one to go on with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

import sdprof
from sdprof.run_folder import Manifest, RunFolder, RunFolderError
from sdprof.stages.request import AuditRequest


def begin(request: AuditRequest | None, path: Path) -> tuple[RunFolder, AuditRequest]:
    """Make the folder of a new audit, or read the order of one that was interrupted.

    :param request: the order of a new audit; None to go on with the folder's.
    :raises RunFolderError: if the folder cannot be used, or was written by another version.
    """
    if request is not None:
        manifest = Manifest(
            sdprof_version=sdprof.__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            request=msgspec.to_builtins(request),
        )
        return RunFolder.create(path, manifest), request
    folder = RunFolder.open(path)
    if folder.manifest.sdprof_version != sdprof.__version__:
        raise RunFolderError(
            f"{path} was begun by sdprof {folder.manifest.sdprof_version}, this is {sdprof.__version__}; "
            "start a new audit."
        )
    try:
        return folder, msgspec.convert(folder.manifest.request, AuditRequest)
    except msgspec.ValidationError as error:
        raise RunFolderError(f"The order in {path} cannot be read ({error}); start a new audit.") from None
