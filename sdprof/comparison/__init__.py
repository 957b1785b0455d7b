"""The comparison: schedule, statistics, parity and plan. Pure: no processes, no files, no torch."""
