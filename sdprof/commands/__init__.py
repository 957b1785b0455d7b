"""The commands, one a file: each parses, calls, and ends with an exit code."""
