"""Entry of the child process: ``python -m sdprof.worker REQUESTS_FD REPLIES_FD``."""

from __future__ import annotations

import sys

from sdprof.worker.end_with_parent import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    from sdprof.worker.serve import serve

    serve(int(sys.argv[1]), int(sys.argv[2]))
