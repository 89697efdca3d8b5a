"""nginx and Caddy in front of CAPI Relay, configured with the files of deploy/."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest
import yaml

from benchmarks.ports import free_port
from capi_project.settings import MAX_REQUEST_BYTES
from deliveries.db.compression import unpack
from tests.deliveries.ingest.sender import basic
from tests.factories import make_event
from tests.flow.proxies import CLIENT, HOST, Proxy
from tests.stack import PRODUCT_PYTHON, Shop, Stack
from tests.variables import BASE_DIR

KINDS = [
    pytest.param("nginx", marks=pytest.mark.nginx),
    pytest.param("caddy", marks=pytest.mark.caddy),
]
FORGED = {
    "X-Forwarded-For": "203.0.113.66",
    "X_Forwarded_For": "203.0.113.67",
    "X-Real-IP": "203.0.113.68",
    "X_Real_IP": "203.0.113.69",
    "Forwarded": "for=203.0.113.70;proto=http",
    "X-Forwarded-Proto": "http",
    "X_Forwarded_Proto": "http",
    "X-Forwarded-Host": "evil.example",
}


@pytest.fixture(scope="module")
def upstream(stack: Stack) -> Iterator[int]:
    """The port of a web process that is set up as the files say; the rest is the shared stack's."""
    port = free_port()
    variables = {"ALLOWED_HOSTS": HOST, "HTTPS_ONLY": "true", "TRUSTED_PROXY_COUNT": "1"}
    stack.add_part(
        "web behind a proxy",
        [
            *("env", *(f"{name}={value}" for name, value in variables.items())),
            *(PRODUCT_PYTHON, "-m", "capi_project.web", "--port", str(port), "--workers", "1"),
        ],
    )
    stack.start("web behind a proxy")
    stack.wait_until(lambda: is_up(port))
    yield port
    stack.stop_part("web behind a proxy")


def is_up(port: int) -> bool:
    import requests

    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Shop:
    return stack.add_shop()


@pytest.fixture(scope="module", params=KINDS)
def proxy(request: pytest.FixtureRequest, upstream: int) -> Iterator[Proxy]:
    with Proxy(request.param, upstream) as running:
        yield running


def send(proxy: Proxy, write_key: str, event: dict[str, Any], **options: Any) -> tuple[int, str]:
    headers = {"Authorization": basic(write_key), "Content-Type": "application/json"}
    headers |= options.pop("headers", {})
    answer = proxy.ask("POST", "/v1/track", json.dumps(event).encode(), headers, **options)
    return answer.status, answer.text


def address_of(stack: Stack, message_id: str) -> str:
    """The visitor's address that the stored event has."""
    ((body,),) = stack.rows("SELECT body FROM deliveries_event WHERE message_id = %s", message_id)
    return str(orjson.loads(unpack(bytes(body)))["request_ip"])


def test_an_event_is_delivered_with_the_visitors_address(stack: Stack, proxy: Proxy) -> None:
    shop = stack.add_shop()
    message_id = f"{proxy.kind}-delivered"
    assert send(proxy, shop.write_key, make_event(messageId=message_id)) == (200, "OK")
    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 1})
    assert address_of(stack, message_id) == CLIENT


@pytest.mark.parametrize("name", [*FORGED, "all"])
def test_no_forged_header_gets_past_the_proxy(
    stack: Stack, shop: Shop, proxy: Proxy, name: str
) -> None:
    forged = FORGED if name == "all" else {name: FORGED[name]}
    message_id = f"{proxy.kind}-{name}"
    event = make_event(messageId=message_id)
    assert send(proxy, shop.write_key, event, headers=forged) == (200, "OK")
    assert address_of(stack, message_id) == CLIENT


@pytest.mark.parametrize("forged", [{}, {"X-Forwarded-Proto": "https"}])
def test_pages_are_redirected_to_https_and_keys_in_clear_refused(
    proxy: Proxy, forged: dict[str, str]
) -> None:
    page = proxy.ask("GET", "/admin/login/?next=/admin/", headers=forged, tls=False)
    assert page.status == 301
    assert page.headers["Location"] == f"https://{HOST}/admin/login/?next=/admin/"
    assert send(proxy, "some-key", make_event(), headers=forged, tls=False) == (
        403,
        "use https: this server accepts no write keys over plain http\n",
    )
    assert proxy.ask("GET", "/health", headers=forged, tls=False).status == 200


def test_pages_and_version_are_served_over_https(proxy: Proxy) -> None:
    version = proxy.ask("GET", "/version")
    assert version.status == 200
    assert json.loads(version.text).keys() >= {"Version", "Commit"}
    page = proxy.ask("GET", "/admin/login/")
    assert page.status == 200
    assert "max-age" in page.headers["Strict-Transport-Security"]
    assert "secure" in page.headers["Set-Cookie"].lower()


def test_bodies_have_the_limit_of_the_product(shop: Shop, proxy: Proxy) -> None:
    event = make_event(messageId=f"{proxy.kind}-large")
    room = MAX_REQUEST_BYTES - len(json.dumps(event))
    headers = {"Authorization": basic(shop.write_key), "Content-Type": "application/json"}
    largest = json.dumps(event).encode() + b" " * room
    answer = proxy.ask("POST", "/v1/track", largest, headers)
    assert (answer.status, answer.text) == (200, "OK")
    answer = proxy.ask("POST", "/v1/track", largest + b" ", headers)
    assert (answer.status, answer.text) == (413, "request size exceeds max limit\n")


@pytest.mark.nginx
def test_the_log_of_nginx_has_no_write_key(stack: Stack, upstream: int) -> None:
    with Proxy("nginx", upstream) as nginx:
        assert nginx.ask("GET", "/pixel/v1/track?writeKey=wrong-key&event=x").status == 200
        stack.wait_until(lambda: '"GET /pixel/v1/track" 200' in nginx.access_log())
        assert "wrong-key" not in nginx.access_log()


class Recorder(HTTPServer):
    """Answers 200 and keeps the headers of each request."""

    def __init__(self) -> None:
        self.seen: list[dict[str, list[str]]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                names = {name.lower() for name in self.headers}
                recorder.seen.append({name: self.headers.get_all(name) or [] for name in names})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing in the output of the tests."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.mark.parametrize("kind", KINDS)
def test_every_header_about_the_client_is_the_proxys_own(kind: str) -> None:
    recorder = Recorder()
    thread = threading.Thread(target=recorder.serve_forever)
    thread.start()
    try:
        with Proxy(kind, recorder.server_port) as proxy:
            assert proxy.ask("GET", "/x", headers=FORGED).status == 200
    finally:
        recorder.shutdown()
        thread.join()
        recorder.server_close()
    (headers,) = recorder.seen
    assert headers["x-forwarded-for"] == [CLIENT]
    assert headers["x-real-ip"] == [CLIENT]
    assert headers["x-forwarded-proto"] == ["https"]
    assert headers["host"] == [HOST]
    assert "forwarded" not in headers


def test_the_limit_in_each_file_is_the_products() -> None:
    deploy = BASE_DIR / "deploy"
    assert MAX_REQUEST_BYTES == 4000 * 1024
    assert "client_max_body_size 4000k;" in (deploy / "nginx.conf").read_text("utf-8")
    assert f"max_size {MAX_REQUEST_BYTES}\n" in (deploy / "Caddyfile").read_text("utf-8")
    traefik = yaml.safe_load((deploy / "traefik.yaml").read_text("utf-8"))["http"]
    (buffering,) = traefik["middlewares"].values()
    assert buffering["buffering"]["maxRequestBodyBytes"] == MAX_REQUEST_BYTES


def test_the_file_for_traefik_names_only_what_it_has() -> None:
    traefik = yaml.safe_load((BASE_DIR / "deploy" / "traefik.yaml").read_text("utf-8"))["http"]
    for router in traefik["routers"].values():
        assert router["service"] in traefik["services"]
        assert set(router["middlewares"]) <= traefik["middlewares"].keys()
    for service in traefik["services"].values():
        assert service["loadBalancer"]["serversTransport"] in traefik["serversTransports"]
