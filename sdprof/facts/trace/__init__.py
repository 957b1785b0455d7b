"""Facts of recorded Kineto traces: read a file, compute everything it tells, compare two."""

from sdprof.facts.trace.audit_sections import hot_modules, hot_ops, trace_facts
from sdprof.facts.trace.read_trace import read_trace
from sdprof.facts.trace.trace import Trace
from sdprof.facts.trace.trace_diff import trace_diff
from sdprof.facts.trace.trace_report import TraceReport, trace_report
from sdprof.facts.trace_file.read_limits import ReadLimits
from sdprof.facts.trace_file.trace_error import TraceError

__all__ = [
    "ReadLimits",
    "Trace",
    "TraceError",
    "TraceReport",
    "hot_modules",
    "hot_ops",
    "read_trace",
    "trace_diff",
    "trace_facts",
    "trace_report",
]
