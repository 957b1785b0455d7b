"""What a child prints, read without end and kept within bounds."""

from __future__ import annotations

import os
import threading

KEPT_BYTES = 64 * 1024


class OutputTail:
    """Drain a pipe in a thread; keep the first and the last part of what came through.

    A target may print megabytes: a full pipe would stop it, an unbounded buffer would stop us.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = bytearray()
        self._tail = bytearray()
        self.total_bytes = 0
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        while True:
            try:
                part = os.read(self._descriptor, 1 << 16)
            except OSError:
                break
            if not part:
                break
            self.total_bytes += len(part)
            room = KEPT_BYTES - len(self._head)
            self._head += part[:room] if room > 0 else b""
            self._tail += part[max(0, room) :]
            del self._tail[:-KEPT_BYTES]
        os.close(self._descriptor)

    def text(self) -> str:
        """All that was kept, with a line that says how much was left out."""
        dropped = self.total_bytes - len(self._head) - len(self._tail)
        middle = f"\n[… {dropped} bytes left out …]\n".encode() if dropped > 0 else b""
        return (bytes(self._head) + middle + bytes(self._tail)).decode("utf-8", "replace")

    def last_lines(self, count: int) -> str:
        """Return the last non-empty lines, for an error message."""
        lines = [line for line in self.text().splitlines() if line.strip()]
        return "\n".join(lines[-count:])

    def wait(self, timeout_seconds: float) -> None:
        """Wait until the writing side is closed."""
        self._thread.join(timeout_seconds)
