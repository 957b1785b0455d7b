"""Cuts a stream of JSON text into batches of events without ever holding the whole of it.

Why a cut is safe: text from the start of one event to some later point, wrapped in ``[`` and ``]``, parses as JSON only
if that point is the end of an event. So a guess ("the last ``},{`` in what was read") is proved by parsing, and a
guess that fell into a string or a nested object is refused by the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from sdprof.facts.trace_file.json_repair import repaired_json
from sdprof.facts.trace_file.raw_event import AnyEvent
from sdprof.facts.trace_file.read_limits import MEBIBYTE, ReadLimits
from sdprof.facts.trace_file.trace_error import TraceError

_EVENTS_KEY = re.compile(rb'"traceEvents"\s*:\s*\[')
_BETWEEN_EVENTS = re.compile(rb"\}\s*(,)\s*\{")
_ERROR_POSITION = re.compile(r"\(byte (\d+)\)")
_SEARCH_WINDOW_BYTES = 1 << 12
_GUESSES = 8
_COMMA, _CLOSE = b",]"

_batch_decoder = msgspec.json.Decoder(list[AnyEvent])
_loose_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_event_decoder = msgspec.json.Decoder(AnyEvent)


class EventStream:
    """Batches of events of one trace file; ``metadata`` and ``unreadable_events`` are complete after the last one."""

    def __init__(self, name: str, chunks: Iterator[bytes], limits: ReadLimits) -> None:
        self.name = name
        self.metadata: dict[str, Any] = {}
        self.notes: list[str] = []
        self.unreadable_events = 0
        self.repaired = False
        self._chunks = chunks
        self._limits = limits

    def batches(self) -> Iterator[list[AnyEvent]]:
        """Events in file order.

        :raises TraceError: the text is not JSON, not a trace, or ends too early.
        """
        text = bytearray(b"[" + self._text_after_head())
        while True:
            cut = self._decoded_up_to_a_cut(text)
            if cut is not None:
                events, rest, ended = cut
                del cut
                yield events
                del events
                if ended:
                    self._read_tail(rest)
                    return
                text = bytearray(b"[" + rest)
            elif len(text) > self._limits.event_bytes:
                raise TraceError(
                    f"{self.name} has an event of more than {self._limits.event_bytes // MEBIBYTE} MiB, or is no valid "
                    "JSON: record the trace again."
                )
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            text += chunk
        events, tail = self._decoded_to_the_end(text)
        yield events
        self._read_tail(tail)

    def _text_after_head(self) -> bytes:
        """The text from the first event on, after the metadata before it was read."""
        text = b""
        for chunk in self._chunks:
            text += chunk
            start = text.removeprefix(b"\xef\xbb\xbf").lstrip()
            if start.startswith(b"["):  # Chrome's format knows a bare list of events too
                return start[1:]
            if start and not start.startswith(b"{"):
                raise TraceError(f"{self.name} is not JSON: pass a trace that torch.profiler exported.")
            for found in _EVENTS_KEY.finditer(start):
                head = self._decoded_object(start[: found.start()] + b'"":0}')
                if head is not None:
                    self.metadata.update(head)
                    return start[found.end() :]
            if len(text) > self._limits.outside_events_bytes:
                raise TraceError(
                    f"{self.name} has no list traceEvents in its first {len(text) // MEBIBYTE} MiB: it is no trace "
                    "that torch.profiler exported."
                )
        raise TraceError(self._why_no_head(text))

    def _why_no_head(self, text: bytes) -> str:
        if not text.strip():
            return f"{self.name} is empty: record the trace again."
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if "truncated" in str(error):
                return f"{self.name} is cut off before its first event: copy it or record it again."
            return f"{self.name} is not valid JSON: pass a trace that torch.profiler exported."
        return f"{self.name} is JSON without a list traceEvents: pass a trace that torch.profiler exported."

    def _decoded_object(self, text: bytes) -> dict[str, Any] | None:
        for candidate in (text, repaired_json(text)):
            try:
                decoded = msgspec.json.decode(candidate, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            decoded.pop("", None)
            return decoded
        return None

    def _decoded_up_to_a_cut(self, text: bytearray) -> tuple[list[AnyEvent], bytes, bool] | None:
        """Events up to a proved cut, the text after it, and whether the list has ended; None: more text is needed.

        The comma at the cut is overwritten with the bracket that closes the list: copying the text would cost half as
        much as parsing it.
        """
        for guess in _cut_guesses(text):
            text[guess] = _CLOSE
            decoded = self._decoded(memoryview(text)[: guess + 1])
            text[guess] = _COMMA
            if decoded is not None:
                events, rest = decoded
                if rest is None:
                    return events, bytes(memoryview(text)[guess + 1 :]), False
                return events, rest.removesuffix(b"]") + text[guess:], True
        return None

    def _decoded_to_the_end(self, text: bytearray) -> tuple[list[AnyEvent], bytes]:
        decoded = self._decoded(text)
        if decoded is None:
            raise TraceError(
                f"{self.name} is cut off in its list of events: copy it again, or record it again and let the profiler "
                "end."
            )
        return decoded[0], decoded[1] or b""

    def _decoded(self, text: bytearray | memoryview) -> tuple[list[AnyEvent], bytes | None] | None:
        """Events of a list, and what follows if the list ends inside the text; None: the text ends inside an event.

        :raises TraceError: no JSON, even after repair.
        """
        try:
            return self._events(text), None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            damage = _Damage.of(error, text)
        if damage.cut_off:
            return None
        if damage.list_end is None:
            text = memoryview(repaired_json(bytes(text)))
            self.repaired = True
            try:
                return self._events(text), None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                damage = _Damage.of(error, text)
            if damage.cut_off:
                return None
        if damage.list_end is None:
            raise TraceError(f"{self.name} is not valid JSON ({damage.what}): record the trace again.")
        return self._events(text[: damage.list_end]), bytes(text[damage.list_end :])

    def _events(self, text: bytearray | memoryview) -> list[AnyEvent]:
        try:
            return _batch_decoder.decode(text)
        except msgspec.ValidationError:
            pass  # an entry that is no event, or a field of another type: keep the rest
        events = []
        for raw in _loose_decoder.decode(text):
            try:
                events.append(_event_decoder.decode(raw))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.unreadable_events += 1
        return events

    def _read_tail(self, text: bytes) -> None:
        """Reads the metadata after the events."""
        for chunk in self._chunks:
            text += chunk
            if len(text) > self._limits.outside_events_bytes:
                self.notes.append("The metadata after the events is too large and was left out.")
                return
        text = text.strip()
        if not text:
            return
        tail = self._decoded_object(b'{"":0' + text)
        if tail is None:
            self.notes.append("The file is cut off or damaged after its last event: metadata may be missing.")
            return
        if "traceEvents" in tail:
            del tail["traceEvents"]
            self.notes.append("The file has a second list of events, which was left out.")
        self.metadata.update(tail)


def _cut_guesses(text: bytearray) -> list[int]:
    """Positions of the last commas between what looks like two events, the last one first."""
    window = _SEARCH_WINDOW_BYTES
    while True:
        found = [match.start(1) for match in _BETWEEN_EVENTS.finditer(text, max(0, len(text) - window))]
        if found or window >= len(text):
            return found[: -_GUESSES - 1 : -1]
        window *= 8


class _Damage(NamedTuple):
    """What the parser's refusal of a text means."""

    what: str
    cut_off: bool
    """The text ends inside an event."""
    list_end: int | None
    """Offset of the first byte after the list of events, where more follows it."""

    @staticmethod
    def of(error: BaseException, text: bytearray | memoryview) -> _Damage:
        if isinstance(error, RecursionError):
            return _Damage("it is nested too deeply", False, None)
        what = str(error).removeprefix("JSON is malformed: ")
        found = _ERROR_POSITION.search(what)
        position = int(found[1]) if found else None
        if position is not None and what.startswith("trailing characters"):
            return _Damage(what, False, position - 1)  # msgspec counts the offending byte in
        at_the_end = position is not None and position >= len(text) - 1
        return _Damage(what.split(" (byte")[0], "truncated" in what or at_the_end, None)
