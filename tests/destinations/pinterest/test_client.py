"""The client against a real socket: what it sends, and what it makes of a wire that misbehaves."""

from __future__ import annotations

import socket
import threading
import time
import zlib

import orjson
import pytest
import requests

from deliveries.error_codes.replies import REPLY_CODES
from destinations.pinterest import client as client_module
from destinations.pinterest.client import NoReply, PinterestClient, Reply, encode_request
from destinations.pinterest.outcomes import OutcomeKind
from destinations.pinterest.replies import FollowUp, read_reply
from tests.destinations.pinterest.wire import Wire, drop, golden_reply, reset

TOKEN = "pina_AMA7TOPSECRET"
OK = golden_reply("200_processed_empty_messages")
BODY = encode_request([b'{"event_name":"checkout"}'])


def client_at(url: str, **changes) -> PinterestClient:
    settings = {
        "base_url": url,
        "api_version": "v5",
        "advertiser_id": "549755885175",
        "token": TOKEN,
        "connect_timeout_seconds": 2,
        "read_timeout_seconds": 5,
    }
    return PinterestClient(**(settings | changes))


def test_the_body_is_the_conversions_in_order_in_one_object():
    assert encode_request([b'{"a":1}', b'{"b":2}']) == b'{"data":[{"a":1},{"b":2}]}'
    assert encode_request(iter([])) == b'{"data":[]}'


def test_v5_posts_to_the_accounts_address_with_a_bearer_token_and_nothing_odd():
    with Wire(OK) as wire:
        reply = client_at(wire.url + "/").send(BODY)

    (heard,) = wire.heard
    assert heard.line == "POST /v5/ad_accounts/549755885175/events HTTP/1.1"
    assert heard.headers == {
        "host": wire.url.removeprefix("http://"),
        "user-agent": "capi-relay",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "connection": "keep-alive",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "authorization": f"Bearer {TOKEN}",
    }
    assert heard.body == BODY
    assert isinstance(reply, Reply)
    assert reply.status == 200
    assert orjson.loads(reply.body)["events"][0]["status"] == "processed"
    assert reply.headers["x-pinterest-rid"] == "5124037280915226"
    assert reply.body_problem == ""


def test_test_mode_asks_for_a_dry_run():
    with Wire(OK) as wire:
        client_at(wire.url, test_mode=True).send(BODY)

    assert wire.heard[0].line == "POST /v5/ad_accounts/549755885175/events?test=true HTTP/1.1"


@pytest.mark.parametrize(
    ("test_mode", "line"),
    [(False, "POST /events/v3 HTTP/1.1"), (True, "POST /events/v3?test=true HTTP/1.1")],
)
def test_v3_posts_to_the_legacy_address_and_keeps_the_token_to_itself(test_mode, line):
    with Wire(OK) as wire:
        client_at(wire.url, api_version="v3", advertiser_id="", test_mode=test_mode).send(BODY)

    assert wire.heard[0].line == line
    assert "authorization" not in wire.heard[0].headers


def test_one_connection_is_kept_for_all_requests_also_after_an_error():
    refused = golden_reply("400_additional_property")
    with Wire(OK, refused, OK) as wire:
        client = client_at(wire.url)
        statuses = [client.send(BODY).status for _ in range(4)]

    assert statuses == [200, 400, 200, 200]
    assert wire.connection_count == 1


def test_a_chunked_answer_keeps_the_connection_too():
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5\r\n{"eve\r\n10\r\nnts":[]}        \r\n0\r\n\r\n'
    )
    with Wire(chunked) as wire:
        client = client_at(wire.url)
        bodies = [client.send(BODY).body for _ in range(2)]

    assert bodies == [b'{"events":[]}        '] * 2
    assert wire.connection_count == 1


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_without_a_lost_request():
    closed = threading.Event()

    def answer_and_close(connection: socket.socket) -> None:
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with Wire(answer_and_close, OK) as wire:
        client = client_at(wire.url)
        first = client.send(BODY)
        assert closed.wait(5)
        second = client.send(BODY)

    assert (first.status, second.status) == (200, 200)
    assert [heard.connection for heard in wire.heard] == [1, 2]


def test_redirects_are_reported_and_never_followed():
    with Wire(OK) as elsewhere:
        location = f"Location: {elsewhere.url}/".encode()
        redirect = b"HTTP/1.1 307 Temporary Redirect\r\n%s\r\nContent-Length: 0\r\n\r\n" % location
        with Wire(redirect) as wire:
            reply = client_at(wire.url).send(BODY)

    assert reply.status == 307
    assert elsewhere.heard == []
    assert read_reply(reply, 1).outcomes[0].code == "redirected"


def test_cookies_are_not_sent_back():
    with_cookie = OK.replace(b"\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n", 1)
    with Wire(with_cookie) as wire:
        client = client_at(wire.url)
        client.send(BODY)
        client.send(BODY)

    assert "cookie" not in wire.heard[1].headers


@pytest.mark.parametrize("own_session", [True, False])
def test_a_netrc_file_never_takes_the_tokens_place(own_session, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Wire(OK) as wire:
        client_at(wire.url, session=requests.Session() if own_session else None).send(BODY)

    assert wire.heard[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_proxy_variables_of_the_environment_are_ignored(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Wire(OK) as wire:
        assert client_at(wire.url).send(BODY).status == 200


def test_a_refused_connection_cannot_have_brought_anything():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = client_at(f"http://127.0.0.1:{port}").send(BODY)

    assert isinstance(reply, NoReply)
    assert (reply.code, reply.may_have_arrived) == ("connection_refused", False)
    assert reply.message == f"127.0.0.1:{port} refused the connection."


def test_a_name_that_does_not_resolve_is_told_apart(monkeypatch):
    def fail(*arguments: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    reply = client_at("https://api.pinterest.invalid").send(BODY)

    assert (reply.code, reply.may_have_arrived) == ("dns_failure", False)


def test_an_address_without_a_route_is_told_apart():
    reply = client_at("http://255.255.255.255").send(BODY)

    assert (reply.code, reply.may_have_arrived) == ("unreachable", False)


def test_a_server_that_speaks_no_tls_is_told_apart():
    with Wire(OK) as wire:
        reply = client_at(wire.url.replace("http://", "https://")).send(BODY)

    assert (reply.code, reply.may_have_arrived) == ("tls_failure", False)
    assert wire.heard == []


def test_a_tls_handshake_without_an_answer_counts_as_a_connection_never_made():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        reply = client_at(url, connect_timeout_seconds=0.3).send(BODY)

    assert (reply.code, reply.may_have_arrived) == ("connect_timeout", False)


def test_a_connection_that_nobody_takes_times_out():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        queue = [socket.socket() for _ in range(4)]
        for waiting in queue:
            waiting.setblocking(False)
            waiting.connect_ex(address)
        reply = client_at(f"http://127.0.0.1:{address[1]}", connect_timeout_seconds=0.3).send(BODY)
        for waiting in queue:
            waiting.close()

    assert (reply.code, reply.may_have_arrived) == ("connect_timeout", False)


def test_silence_after_the_request_is_a_read_timeout_and_it_may_have_arrived():
    with Wire(lambda connection: wire.closing.wait(10)) as wire:
        started = time.monotonic()
        reply = client_at(wire.url, read_timeout_seconds=0.3).send(BODY)

    assert (reply.code, reply.may_have_arrived) == ("read_timeout", True)
    assert 0.3 <= time.monotonic() - started < 3
    assert 300 <= reply.duration_ms < 3000
    assert wire.heard[0].body == BODY
    assert read_reply(reply, 1).outcomes[0].kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("ending", [drop, reset])
def test_a_connection_dropped_after_the_request_may_have_brought_it(ending):
    with Wire(ending) as wire:
        reply = client_at(wire.url).send(BODY)

    assert (reply.code, reply.may_have_arrived) == ("connection_lost", True)
    assert len(wire.heard) == 1


def test_a_connection_dropped_in_the_middle_of_the_request_cannot_have_brought_it():
    large = b'{"data":["' + b"x" * 32_000_000 + b'"]}'
    with Wire(reset, reads_body=False) as wire:
        reply = client_at(wire.url).send(large)

    assert (reply.code, reply.may_have_arrived) == ("connection_lost", False)
    assert read_reply(reply, 1).outcomes[0].kind is OutcomeKind.RETRYABLE


def test_an_answer_that_is_not_http_is_unreadable():
    with Wire(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as wire:
        reply = client_at(wire.url).send(BODY)

    assert (reply.code, reply.may_have_arrived) == ("unreadable_reply", True)


def test_a_body_cut_off_leaves_the_status_and_what_came():
    with Wire(lambda connection: connection.sendall(golden_reply("200_body_cut_off"))) as wire:
        reply = client_at(wire.url).send(BODY)

    assert (reply.status, reply.body_problem) == (200, "connection_lost")
    assert reply.body == golden_reply("200_body_cut_off").partition(b"\r\n\r\n")[2]


def test_a_body_that_stalls_leaves_the_status_and_what_came():
    def stall(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nhalf")
        wire.closing.wait(10)

    with Wire(stall) as wire:
        reply = client_at(wire.url, read_timeout_seconds=0.3).send(BODY)

    assert (reply.status, reply.body, reply.body_problem) == (401, b"half", "read_timeout")
    assert read_reply(reply, 1).follow_up is FollowUp.PAUSE


def test_a_dripping_body_ends_at_the_deadline_although_no_single_read_times_out():
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not wire.closing.wait(0.02):
            connection.sendall(b" ")

    with Wire(drip) as wire:
        started = time.monotonic()
        reply = client_at(wire.url, reply_deadline_seconds=0.3).send(BODY)

    assert 0.3 <= time.monotonic() - started < 3
    assert (reply.status, reply.body_problem) == (200, "read_timeout")
    assert reply.body.strip() == b""


def test_an_endless_body_is_read_up_to_the_limit_and_no_further(monkeypatch):
    monkeypatch.setattr(client_module, "MAX_REPLY_BYTES", 100_000)

    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not wire.closing.is_set():
            connection.sendall(b"x" * 65536)

    with Wire(pour, OK) as wire:
        client = client_at(wire.url)
        reply = client.send(BODY)
        after = client.send(BODY)

    assert (reply.status, reply.body_problem) == (200, "too_large")
    assert reply.body == b"x" * 100_000
    assert read_reply(reply, 1).outcomes[0].code == "unreadable_reply"
    assert after.status == 200


def test_a_gzip_bomb_is_read_up_to_the_limit_and_no_further():
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeezed.compress(bytes(1_000_000)) for _ in range(200)) + squeezed.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with Wire(lambda connection: connection.sendall(head + bomb)) as wire:
        reply = client_at(wire.url).send(BODY)

    assert reply.body_problem == "too_large"
    assert len(reply.body) == client_module.MAX_REPLY_BYTES


@pytest.mark.parametrize("token", ["", "pina_x\r\nX-Evil: 1", "pina x", "pina_ü", "pina_\x00"])
def test_a_token_that_cannot_be_one_is_never_sent_and_pauses_the_destination(token):
    with Wire(OK) as wire:
        reply = client_at(wire.url, token=token).send(BODY)

    assert wire.connection_count == 0
    assert (reply.code, reply.may_have_arrived) == ("unusable_token", False)
    assert token == "" or token not in reply.message
    assert read_reply(reply, 3).follow_up is FollowUp.PAUSE


@pytest.mark.parametrize("advertiser_id", ["", "12/../34", "12?x=1", "１２", "1\n", "1" * 19])
def test_an_advertiser_id_that_is_no_number_is_never_put_into_an_address(advertiser_id):
    with Wire(OK) as wire:
        reply = client_at(wire.url, advertiser_id=advertiser_id).send(BODY)

    assert wire.connection_count == 0
    assert reply.code == "unusable_account"


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "ftp://api.pinterest.com"},
        {"base_url": "api.pinterest.com"},
        {"base_url": "https://"},
        {"api_version": "v4"},
    ],
)
def test_a_setting_that_cannot_work_is_an_error_that_does_not_name_the_token(changes):
    with pytest.raises(ValueError, match="must be") as caught:
        client_at("https://api.pinterest.com", **changes)

    assert TOKEN not in str(caught.value)


def test_the_token_appears_in_no_text_about_client_or_failure():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = client_at(f"http://127.0.0.1:{port}")
    texts = [repr(client), str(client), f"{client}", repr(vars(client)), repr(client.send(BODY))]
    with Wire(OK, drop) as wire:
        client = client_at(wire.url)
        texts += [repr(client.send(BODY)), repr(client.send(BODY))]

    assert [text for text in texts if TOKEN in text] == []


def test_the_token_is_not_written_to_any_log(caplog):
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="urllib3")  # which the settings keep quieter
    with Wire(OK, reset) as wire:
        client = client_at(wire.url)
        client.send(BODY)
        client.send(BODY)

    assert caplog.records != []
    assert TOKEN not in caplog.text


def test_every_code_of_a_missing_reply_has_its_help():
    codes = {
        "connection_refused",
        "dns_failure",
        "tls_failure",
        "connect_timeout",
        "connection_lost",
        "read_timeout",
        "unreachable",
        "proxy_failure",
        "unreadable_reply",
        "unusable_token",
        "unusable_account",
    }

    assert codes <= REPLY_CODES.keys()
