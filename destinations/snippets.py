"""Ready lines that point curl and the SDKs at this server, filled in with a write key.

The lines themselves lie in ``templates/sdk_snippets``. docs/sdks.md shows them, the source's admin
page too, and ``tests/sdk`` runs each of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Snippet:
    """``anchor`` is its id on the page; ``install`` is the command that gets the SDK, if any."""

    anchor: str
    title: str
    code: str
    install: str = ""


SNIPPETS: tuple[tuple[str, str, str], ...] = (
    ("curl", "curl", ""),
    ("rudderstack-js", "RudderStack JavaScript", "npm install @rudderstack/analytics-js"),
    (
        "rudderstack-js-batches",
        "RudderStack JavaScript, in batches",
        "npm install @rudderstack/analytics-js",
    ),
    (
        "rudderstack-js-beacon",
        "RudderStack JavaScript, by beacon",
        "npm install @rudderstack/analytics-js",
    ),
    ("segment-js", "Segment JavaScript", "npm install @segment/analytics-next"),
    (
        "segment-js-batches",
        "Segment JavaScript, in batches",
        "npm install @segment/analytics-next",
    ),
    ("rudderstack-python", "RudderStack Python", "pip install rudder-sdk-python"),
    ("segment-python", "Segment Python", "pip install segment-analytics-python"),
    ("rudderstack-node", "RudderStack Node", "npm install @rudderstack/rudder-sdk-node"),
    ("segment-node", "Segment Node", "npm install @segment/analytics-node"),
)
"""Anchor, title, installation. The code is ``templates/sdk_snippets/<anchor>.txt``."""


def make_snippets(server_url: str, write_key: str) -> tuple[Snippet, ...]:
    """Snippets for a server at ``server_url`` (http or https, no slash at its end)."""
    return tuple(
        Snippet(
            anchor,
            title,
            fill_in(
                read_code(anchor),
                server_url,
                write_key,
                quote_for_shell if anchor == "curl" else quote_for_script,
            ),
            install,
        )
        for anchor, title, install in SNIPPETS
    )


def fill_in(code: str, server_url: str, write_key: str, quote: Callable[[str], str]) -> str:
    """Put values in the place of the placeholders; ``quote`` makes them fit between the quotes."""
    scheme, _, host = server_url.partition("://")
    # The write key goes last: it may look like anything, a placeholder too.
    for placeholder, value in (
        ("<RELAY_URL>", server_url),
        ("<RELAY_HOST>", host),
        ("<RELAY_SCHEME>", scheme),
        ("<WRITE_KEY>", write_key),
    ):
        code = code.replace(placeholder, quote(value))
    return code


@cache
def read_code(anchor: str) -> str:
    """The code of one snippet as it lies in its file, with its placeholders."""
    folder = settings.BASE_DIR / "templates" / "sdk_snippets"
    return str((folder / f"{anchor}.txt").read_text(encoding="utf-8"))


def quote_for_script(value: str) -> str:
    """Inside double quotes of JavaScript or Python."""
    return json.dumps(value)[1:-1]


def quote_for_shell(value: str) -> str:
    """Inside single quotes of a shell."""
    return value.replace("'", "'\\''")
