"""How a run is ended once a region was seen."""

from __future__ import annotations

from sdprof.collectors.run_stopped import RunStopped


class EnoughSeen(RunStopped):
    """Raised through the user's code to end a run that has nothing more to tell."""
