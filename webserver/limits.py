"""What one connection, and all of a process together, may use."""

from __future__ import annotations

from dataclasses import dataclass

STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. A connection beyond them is answered, if it can be, and closed."""

    body_bytes: int
    """Of a request's body as it is sent, compressed or not."""
    head_bytes: int = 131_072
    """Of a request's line and headers: an event in a pixel's query takes up to 60 KB."""
    head_count: int = 100
    """Headers of a request."""

    head_seconds: float = 10
    """From the first byte of a request, or from the connection, to the end of its headers."""
    idle_seconds: float = 75
    """Between two requests; longer than proxies keep a connection (60), so that they close it."""
    silence_seconds: float = 10
    """Without a byte of a body that is not complete, or without one of an answer being read."""
    body_seconds: float = 30
    """From the headers to the end of the body."""
    answer_seconds: float = 60
    """To read an answer that is complete, and ``answer_rate`` on top."""
    answer_rate: int = 16_384
    """Bytes a second that a reader of a large answer must manage."""
    linger_seconds: float = 5
    """How long what a refused request still sends is read and dropped, so that it sees why."""
    linger_bytes: int = 32_000_000
    """How much of that."""

    connections: int = 8_192
    """Of a process; the oldest of those that send no complete request make room for new ones."""
    unfinished_bytes: int = 64_000_000
    """Of all requests that are not complete; the oldest of them make room."""
    answer_bytes: int = 64_000_000
    """Of all answers that wait to be read; the oldest of them make room."""
    waiting_requests: int = 1_000
    """Complete ones that wait for a thread, in each pool."""
    waiting_bytes: int = 64_000_000
    """The bodies of those together, in each pool."""
    stop_seconds: float = STOP_SECONDS
    """To end what is under way when the process is asked to stop."""
