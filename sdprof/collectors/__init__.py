"""Collectors: each watches one run of the workload, inside the worker, and leaves one artifact."""
