"""One HTTP request to Pinterest. What the network may do is a returned value, never raised."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

MAX_REPLY_BYTES = 4 * 1024 * 1024
"""A reply to 1000 conversions with long warnings is about 1 MB; what is longer is no such reply."""

READ_SIZE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """Pinterest (or something in its place) answered.

    ``headers`` has lower-case keys, ``duration_ms`` runs from before connecting to the last byte.
    ``body_problem`` says why the body is incomplete: "" (it is complete), ``connection_lost``,
    ``read_timeout``, ``too_large`` or ``bad_encoding``; ``body`` then holds what had come so far.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_ms: int
    body_problem: str = ""


@dataclass(frozen=True, slots=True)
class NoReply:
    """Nobody answered; ``code`` is a key of ``deliveries.error_codes.ERROR_CODES``.

    ``may_have_arrived`` is True once the last byte of the request was handed to the system: from
    then on the conversions may have been processed although no answer came.
    """

    code: str
    message: str
    may_have_arrived: bool
    duration_ms: int


def encode_request(conversions: Iterable[bytes]) -> bytes:
    """Wrap conversions, each already a JSON object, into one request body."""
    pieces = [*conversions]
    if not pieces:
        return b'{"data":[]}'
    # Joined once: two megabytes are not copied to be put between brackets.
    pieces[0] = b'{"data":[' + pieces[0]
    pieces[-1] += b"]}"
    return b",".join(pieces)


@dataclass(slots=True)
class _Bearer(requests.auth.AuthBase):
    """Sets the Authorization header, or none for the legacy API.

    Being there at all keeps requests from looking for credentials in a netrc file, which would
    take the token's place.
    """

    token: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class PinterestClient:
    """Sends requests to one ad account over one kept-alive connection; for use by one thread.

    v5 posts to ``{base_url}/v5/ad_accounts/{advertiser_id}/events`` with a Bearer token, the
    legacy v3 to ``{base_url}/events/v3`` without one (the account is named in each conversion).
    Redirects are never followed: they would carry token and personal data to another address.

    The session ignores the environment (``trust_env``): neither a netrc file nor a proxy variable
    meant for something else decides where conversions go. Whoever needs a proxy or an own
    certificate authority passes a ``session`` that says so.

    ``read_timeout_seconds`` bounds each silence, ``reply_deadline_seconds`` the whole body once
    its status has come, so a dripping answer cannot hold a worker for ever.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_version: str,
        advertiser_id: str,
        token: str = "",
        test_mode: bool = False,
        connect_timeout_seconds: float = 5,
        read_timeout_seconds: float = 30,
        reply_deadline_seconds: float = 60,
        session: requests.Session | None = None,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"The base URL must be http(s)://host, not {base_url!r}.")
        if api_version not in ("v5", "v3"):
            raise ValueError(f"The API version must be 'v5' or 'v3', not {api_version!r}.")
        self._host = address.netloc.rpartition("@")[2]
        path = f"/v5/ad_accounts/{advertiser_id}/events" if api_version == "v5" else "/events/v3"
        self.url = base_url.rstrip("/") + path + ("?test=true" if test_mode else "")
        self._unusable = _find_unusable(advertiser_id, token) if api_version == "v5" else None
        self._auth = _Bearer(token if api_version == "v5" else "")
        self._timeout = (connect_timeout_seconds, read_timeout_seconds)
        self._reply_deadline_seconds = reply_deadline_seconds
        self._session = session if session is not None else _new_session()

    def __repr__(self) -> str:
        return f"<PinterestClient {self.url}>"

    def close(self) -> None:
        """Close the kept-alive connection."""
        self._session.close()

    def send(self, body: bytes) -> Reply | NoReply:
        """POST ``body`` (see ``encode_request``) once; there is no hidden second attempt."""
        if self._unusable is not None:
            return self._unusable
        started = time.monotonic()
        # A stream, not bytes: it is sent in blocks, each with its own timeout (the system's
        # sendall() would count one timeout for all 2 MB), and it knows how far sending came.
        stream = io.BytesIO(body)
        try:
            response = self._session.post(
                self.url,
                data=stream,
                headers={"Content-Type": "application/json"},
                auth=self._auth,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            code, sentence = _classify(error, has_begun=stream.tell() > 0)
            return NoReply(
                code=code,
                message=sentence.format(host=self._host),
                may_have_arrived=0 < len(body) == stream.tell(),
                duration_ms=_elapsed_ms(started),
            )
        reply_body, problem = _read_body(response, time.monotonic() + self._reply_deadline_seconds)
        return Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=reply_body,
            duration_ms=_elapsed_ms(started),
            body_problem=problem,
        )


def _new_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(
        {
            "User-Agent": "capi-relay",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
        }
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
    return session


def _find_unusable(advertiser_id: str, token: str) -> NoReply | None:
    """Say what would make a v5 request pointless or unsafe to build; None when all is well."""
    if not (advertiser_id.isascii() and advertiser_id.isdigit() and len(advertiser_id) <= 18):
        return NoReply("unusable_account", "The advertiser ID isn't a number.", False, 0)
    if not token:
        return NoReply("unusable_token", "No conversion token is set.", False, 0)
    if not (token.isascii() and token.isprintable() and " " not in token):
        sentence = "The conversion token contains an invalid character."
        return NoReply("unusable_token", sentence, False, 0)
    return None


def _classify(error: Exception, *, has_begun: bool) -> tuple[str, str]:
    """Give code and sentence for a request without an answer.

    The sentences are our own: the texts of the libraries quote addresses and objects.
    """
    causes = tuple(_chain(error))

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if isinstance(error, requests.exceptions.ProxyError):
        return "proxy_failure", "The proxy couldn't connect to {host}."
    # A TLS handshake that stalls is called a read timeout too, before any of the request is sent.
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout) and not has_begun:
        return "connect_timeout", "{host} didn't accept the connection in time."
    if isinstance(error, requests.exceptions.SSLError):
        return "tls_failure", "Couldn't establish a trusted TLS connection to {host}."
    if isinstance(error, requests.ReadTimeout):
        return "read_timeout", "{host} accepted the request, but didn't respond in time."
    if caused_by(socket.gaierror):
        return "dns_failure", "Couldn't resolve the name {host}."
    if caused_by(ConnectionRefusedError):
        return "connection_refused", "{host} refused the connection."
    if caused_by(urllib3.exceptions.NewConnectionError):
        return "unreachable", "Couldn't reach {host}."
    if caused_by(http.client.HTTPException) and not caused_by(http.client.RemoteDisconnected):
        return "unreadable_reply", "The response from {host} isn't HTTP."
    return "connection_lost", "The connection to {host} was lost before a response arrived."


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _read_body(response: requests.Response, deadline: float) -> tuple[bytes, str]:
    """Read at most MAX_REPLY_BYTES until the (monotonic) deadline: the bytes and a problem or
    ""."""
    read: list[bytes] = []
    size = 0
    problem = ""
    try:
        # read1() returns what has come; read() would wait until its whole buffer is full.
        while chunk := response.raw.read1(READ_SIZE, decode_content=True):
            read.append(chunk)
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                problem = "too_large"
                break
            if time.monotonic() > deadline:
                problem = "read_timeout"
                break
    except urllib3.exceptions.DecodeError:
        problem = "bad_encoding"
    except (urllib3.exceptions.TimeoutError, TimeoutError):
        problem = "read_timeout"
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError):
        problem = "connection_lost"
    if problem:
        response.close()
    return b"".join(read)[:MAX_REPLY_BYTES], problem


def _elapsed_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
