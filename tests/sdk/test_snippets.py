"""The lines that the docs and the admin show: complete, quoted, and curl's too works."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from django.test import Client

from deliveries.db.compression import unpack
from deliveries.models import Event
from destinations.snippets import SNIPPETS, make_snippets
from tests.factories import make_source
from tests.sdk.kits import BROWSER_SDKS, SERVER_SDKS
from tests.stack import Stack

DOC = Path(__file__).parents[2] / "docs" / "sdks.md"
AWKWARD_KEY = """k"e'y\\n<WRITE_KEY>`$(id)`"""
URL = "https://relay.example.com/relay"


def code_of(anchor: str, server_url: str = URL, write_key: str = AWKWARD_KEY) -> str:
    [snippet] = [one for one in make_snippets(server_url, write_key) if one.anchor == anchor]
    return snippet.code


@pytest.mark.parametrize("anchor", [anchor for anchor, _, _ in SNIPPETS])
def test_the_docs_show_each_snippet_as_it_is(anchor: str) -> None:
    code = code_of(anchor, "https://relay.example.com", "YOUR_WRITE_KEY").rstrip()
    assert f"\n{code}\n```" in DOC.read_text(encoding="utf-8")


def test_each_snippet_but_curl_is_run_by_an_sdk() -> None:
    run = {sdk.snippet for sdk in SERVER_SDKS + BROWSER_SDKS}
    assert run == {anchor for anchor, _, _ in SNIPPETS} - {"curl"}


def test_any_write_key_fits_into_a_shell_line() -> None:
    words = shlex.split(code_of("curl"))
    assert words[:4] == ["curl", f"{URL}/v1/track", "-u", f"{AWKWARD_KEY}:"]
    assert json.loads(words[-1])["event"] == "Order Completed"


@pytest.mark.parametrize("anchor", ["rudderstack-python", "segment-python"])
def test_any_write_key_fits_into_python(anchor: str) -> None:
    texts = [
        node.value.value
        for node in ast.parse(code_of(anchor)).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    ]
    assert texts == [AWKWARD_KEY, URL]


@pytest.mark.npm
@pytest.mark.parametrize("anchor", ["rudderstack-node", "segment-node", "segment-js"])
def test_any_write_key_fits_into_javascript(anchor: str) -> None:
    literals = [part for part in code_of(anchor).split() if part.startswith('"k')]
    for literal in literals:
        script = f"console.log(JSON.stringify({literal.rstrip(',')}))"
        printed = subprocess.run(
            ["node", "-e", script], capture_output=True, text=True, check=True
        ).stdout
        assert json.loads(printed) == AWKWARD_KEY
    assert literals or f"({json.dumps(AWKWARD_KEY)}," in code_of(anchor)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_curl_line_sends_an_event(stack: Stack) -> None:
    shop = stack.add_shop()
    line = code_of("curl", stack.url, shop.write_key)
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "OK"
    [(body,)] = stack.rows("SELECT body FROM deliveries_event WHERE source_id = %s", shop.source_id)
    assert json.loads(unpack(body))["properties"]["order_id"] == "order-77"
    assert stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 1})


@pytest.mark.django_db
def test_the_image_tag_of_the_docs_makes_an_event_with_its_page(client: Client) -> None:
    (source,) = re.findall(r'<img src="https://relay\.example\.com([^"]+)"', DOC.read_text("utf-8"))
    make_source(write_key="YOUR_WRITE_KEY")
    assert client.get(unescape(source)).status_code == 200
    event = json.loads(unpack(Event.objects.get().body))
    assert (event["type"], event["anonymousId"]) == ("page", "visitor-7")
    assert event["context"]["page"]["url"] == "https://shop.example/"
