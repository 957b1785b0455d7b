"""Why something cannot be shown."""


class CannotViewError(Exception):
    """One sentence that says what is missing and what to do."""
