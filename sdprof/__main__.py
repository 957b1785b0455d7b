"""``python -m sdprof``: the same as the ``sdprof`` command."""

from sdprof.cli import main

if __name__ == "__main__":
    main()
