"""What a client sends wrongly is answered 400, and is one line in the log without a traceback."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from tests.deliveries.ingest.sender import WRITE_KEY, basic
from tests.factories import make_source

pytestmark = pytest.mark.django_db
MANY = "&".join(f"a{number}=1" for number in range(1001))
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the product's own handler writes."""
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if any(type(one).__name__ == "WithoutClientTracebacks" for one in handler.filters)
    ]
    (handler,) = handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


def is_one_line(log: io.StringIO) -> bool:
    text = log.getvalue()
    return text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/docs", "/nowhere", "/version"])
def test_a_forged_host_on_a_page(client: Client, log: io.StringIO, path: str) -> None:
    response = client.get(path, headers={"host": "evil.example"})
    assert response.status_code == 400
    assert is_one_line(log), log.getvalue()
    assert "Invalid HTTP_HOST header: 'evil.example'" in log.getvalue()


@pytest.mark.parametrize("path", ["/admin/", "/admin/deliveries/delivery/", "/docs"])
def test_too_many_parameters_of_a_page(admin_client: Client, log: io.StringIO, path: str) -> None:
    assert admin_client.get(f"{path}?{MANY}").status_code == 400
    assert is_one_line(log), log.getvalue()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (MANY, FORM),
        ("a=1", f"{FORM}; charset=utf-7"),
        ("x", "multipart/form-data; boundary="),
        (
            "".join(
                f'--X\r\nContent-Disposition: form-data; name="{n}"; filename="a"\r\n\r\nx\r\n'
                for n in range(101)
            )
            + "--X--\r\n",
            "multipart/form-data; boundary=X",
        ),
    ],
)
def test_a_form_that_no_page_sends(
    client: Client, log: io.StringIO, body: str, content_type: str
) -> None:
    response = client.generic("POST", "/admin/login/", body, content_type)
    assert response.status_code == 400
    assert is_one_line(log), log.getvalue()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/pixel/v1/track"),
        ("GET", "/v1/pixel/track"),
        ("GET", "/sourceConfig/"),
        ("POST", "/beacon/v1/batch"),
        ("POST", "/v1/webhook"),
    ],
)
def test_too_many_parameters_of_the_api_are_refused_in_plain_text(
    client: Client, log: io.StringIO, method: str, path: str
) -> None:
    make_source(name="Shop", write_key=WRITE_KEY)
    response = client.generic(method, f"{path}?writeKey={WRITE_KEY}&{MANY}", "{}")
    assert (response.status_code, response["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert response.content == (b"failed to read request: too many or invalid parameters\n")
    assert is_one_line(log), log.getvalue()


@pytest.mark.parametrize("path", ["/v1/nope", "/beacon/x", "/pixel/x", "/v1/nope?" + MANY])
def test_an_unknown_path_of_the_api_is_answered_in_plain_text_under_any_name(
    client: Client, log: io.StringIO, path: str
) -> None:
    response = client.post(path, b"{}", "application/json", headers={"host": "evil.example"})
    assert (response.status_code, response.content) == (404, b"404 page not found\n")
    assert is_one_line(log), log.getvalue()


def test_events_are_taken_under_any_name(client: Client, log: io.StringIO) -> None:
    """No link is made of it, and probes and servers inside a network ask by other names."""
    make_source(name="Shop", write_key=WRITE_KEY)
    response = client.post(
        "/v1/track",
        b'{"type": "track", "event": "x", "userId": "u"}',
        "application/json",
        headers={"host": "evil.example", "authorization": basic(WRITE_KEY)},
    )
    assert (response.status_code, log.getvalue()) == (200, "")


def test_a_failure_of_the_code_keeps_its_traceback(log: io.StringIO) -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("django.request").exception("It failed.")
    assert "Traceback" in log.getvalue()
