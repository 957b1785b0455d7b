"""Code that a target runs but does not carry: a wheel of the package index, pinned by hash, unpacked in a cache folder.

A target asks for it with a file ``fetched_code.txt`` in its folder, lines of a pip requirements file with hashes.
Nothing is installed: the wheels' dependencies are left out, and no script of theirs is run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

REQUIREMENTS = "fetched_code.txt"
PIP_SECONDS = 180
MOST_UNPACKED_BYTES = 256 * 1024 * 1024
"""Source code is smaller; what is larger is a mistake."""


class FetchError(Exception):
    """The code could not be fetched: one sentence that says why and what to do."""


def fetched_code_folder(target_folder: Path) -> Path:
    """Where the code of a target lies once it is fetched; another version of it lies elsewhere."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256((target_folder / REQUIREMENTS).read_bytes()).hexdigest()
    return cache / "sdprof" / "fetched_code" / f"{target_folder.name}-{digest[:12]}"


def fetch_code(target_folder: Path, *, wheels: Path | None = None) -> Path:
    """Fetch the code of a target, unless it is there; its folder.

    :param wheels: a folder with the wheel, for a machine without a package index.
    :raises FetchError: if the target needs none, or it cannot be had.
    """
    if not (target_folder / REQUIREMENTS).is_file():
        raise FetchError(f"The target in {target_folder} has nothing to fetch: it carries all its code.")
    folder = fetched_code_folder(target_folder)
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as scratch:
            downloaded, unpacked = Path(scratch, "wheels"), Path(scratch, "code")
            _download(target_folder / REQUIREMENTS, downloaded, wheels)
            for wheel in sorted(downloaded.glob("*.whl")):
                _unpack(wheel, unpacked)
            unpacked.rename(folder)
    except OSError as error:
        raise FetchError(
            f"{folder} cannot be written ({error.strerror}); name another cache folder in XDG_CACHE_HOME."
        ) from None
    return folder


def _download(requirements: Path, folder: Path, wheels: Path | None) -> None:
    if importlib.util.find_spec("pip") is None:
        raise FetchError("pip is not in this environment; add it with `python -m ensurepip`, then fetch again.")
    source = ["--no-index", "--find-links", str(wheels)] if wheels is not None else ["--retries", "1"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--timeout", "20", *source, "-r", str(requirements), "-d", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise FetchError(f"The package index gave no answer within {PIP_SECONDS} s; {_ELSEWHERE}") from None
    if done.returncode != 0:
        said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = said[-1].rstrip(".")[:200] if said else f"pip ended with {done.returncode}"
        raise FetchError(f"The package index did not give it ({reason}); {_ELSEWHERE}")


_ELSEWHERE = (
    "try again with a network, or bring the wheel here and name its folder: sdprof targets fetch NAME --wheels FOLDER."
)


def _unpack(wheel: Path, folder: Path) -> None:
    """The wheel's Python files and licences, and nothing that would lie outside the folder."""
    with zipfile.ZipFile(wheel) as archive:
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir()
            and (member.filename.endswith(".py") or PurePosixPath(member.filename).name.startswith("LICENSE"))
        ]
        if sum(member.file_size for member in members) > MOST_UNPACKED_BYTES:
            raise FetchError(f"{wheel.name} unpacks to more than {MOST_UNPACKED_BYTES} bytes: it was not unpacked.")
        for member in members:
            place = folder / member.filename
            if ".." in PurePosixPath(member.filename).parts or not place.is_relative_to(folder):
                raise FetchError(f"{wheel.name} holds a file outside its folder: it was not unpacked.")
            place.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, place.open("wb") as destination:
                shutil.copyfileobj(source, destination)
