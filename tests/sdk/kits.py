"""Which SDKs the tests run: their snippet, the calls that follow it, and what the SDK can do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from destinations.snippets import fill_in, quote_for_script, read_code

CALLS = Path(__file__).resolve().parent / "calls"


@dataclass(frozen=True, slots=True)
class Sdk:
    """One SDK in one way of using it.

    ``edits`` are applied to the snippet: (text, its replacement). ``patience`` are more, by
    which it outlasts a restart. ``sends_again`` is False for the
    beacon, which no SDK hears back from. ``tries_with_wrong_key`` is per batch. ``posts_to`` are
    the paths that a browser SDK sends this project's calls to. ``packs``: with gzip.
    """

    name: str
    language: str
    snippet: str
    requirements: str = ""
    edits: tuple[tuple[str, str], ...] = ()
    patience: tuple[tuple[str, str], ...] = ()
    has_screen: bool = True
    sends_again: bool = True
    tries_with_wrong_key: int = 1
    posts_to: tuple[str, ...] = ("/v1/batch",)
    packs: bool = False

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name)

    def program(self, *, patient: bool = True) -> str:
        """The snippet as the docs show it, then this project's calls; with placeholders."""
        code = read_code(self.snippet)
        for text, replacement in self.edits + (self.patience if patient else ()):
            assert text in code, f"{self.snippet} no longer has {text!r}"
            code = code.replace(text, replacement)
        return code + (CALLS / f"{self.language}.txt").read_text(encoding="utf-8")


def aim(program: str, server_url: str, write_key: str) -> str:
    """The program, sending to this server with this key."""
    return fill_in(program, server_url, write_key, quote_for_script)


SERVER_SDKS = (
    Sdk("rudder-sdk-python", "python", "rudderstack-python", "rudderstack", packs=True),
    Sdk("segment-analytics-python 2.4", "python", "segment-python", "segment"),
    Sdk("segment-analytics-python 2.3", "python", "segment-python", "segment-2.3"),
    Sdk("rudder-sdk-node", "node", "rudderstack-node", packs=True),
    Sdk(
        "rudder-sdk-node without gzip",
        "node",
        "rudderstack-node",
        edits=(("retryCount: 10,", "retryCount: 10, gzip: false,"),),
    ),
    Sdk("analytics-node 3", "node", "segment-node"),
    Sdk(
        "analytics-node 2",
        "node",
        "segment-node",
        edits=(('"@segment/analytics-node"', '"@segment/analytics-node-2"'),),
        patience=(('host: "', 'maxRetries: 60, host: "'),),
        tries_with_wrong_key=4,
    ),
)
BROWSER_SDKS = (
    Sdk(
        "analytics-js",
        "browser",
        "rudderstack-js",
        has_screen=False,
        posts_to=("/v1/identify", "/v1/page", "/v1/track"),
    ),
    Sdk("analytics-js in batches", "browser", "rudderstack-js-batches", has_screen=False),
    Sdk(
        "analytics-js by beacon",
        "browser",
        "rudderstack-js-beacon",
        has_screen=False,
        sends_again=False,
        posts_to=("/beacon/v1/batch",),
    ),
    Sdk(
        "analytics-next",
        "browser",
        "segment-js",
        posts_to=("/v1/i", "/v1/p", "/v1/s", "/v1/t"),
    ),
    Sdk("analytics-next in batches", "browser", "segment-js-batches", posts_to=("/v1/b",)),
)
