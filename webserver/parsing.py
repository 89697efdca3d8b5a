"""From bytes to complete requests, and to the environ of WSGI. Does no I/O and knows no time.

llhttp (Node's parser, by ``httptools``) reads the head of a request and the chunks of a body, and
refuses whatever two servers could read differently.
"""

from __future__ import annotations

import re
import sys
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

from webserver.limits import Limits

_HEAD_END = b"\r\n\r\n"
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_FIRST_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n")
_KEYS_KEPT = 1_000

TOO_LARGE = "webserver.body_too_large"
"""In the environ of a request whose body was not read, because it is larger than the limit."""


class RequestRefused(Exception):
    """What was sent is no request that can be answered otherwise; the connection ends."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Request:
    """A request's environ, and what of it concerns the connection."""

    __slots__ = ("environ", "has_newer_http", "keeps_alive", "method", "size")

    def __init__(self, environ: dict[str, Any], method: str) -> None:
        self.environ = environ
        self.method = method
        self.has_newer_http = True
        """1.1; an answer of unknown length can be sent in chunks."""
        self.keeps_alive = True
        self.size = 0
        """Bytes of its body."""


class RequestReader:
    """Fed with what a connection brings; gives complete requests, one after the other.

    ``base`` is what the environ of all requests of the connection shares.
    """

    def __init__(self, base: dict[str, Any], limits: Limits) -> None:
        self._base = base
        self._limits = limits
        self._head = bytearray()
        self._searched = 0
        """That much of it has no end of a head in it."""
        self._request: Request | None = None
        self._body = bytearray()
        self._missing = 0
        self._parser: HttpRequestParser | None = None
        self._is_chunked = False
        self._is_complete = False
        self._environ: dict[str, Any] = {}
        self._header_count = 0
        self._url = b""
        self.counted = 0
        """Of ``buffered``, what the server has counted."""
        self.wants_continue = False
        """The client waits for ``100 Continue`` before it sends the body."""

    @property
    def buffered(self) -> int:
        """Bytes held of a request that is not complete."""
        return len(self._head) + len(self._body)

    @property
    def is_in_body(self) -> bool:
        return self._request is not None

    def feed(self, data: bytes) -> Request | None:
        """A request, if it is complete now; ``feed(b"")`` then looks for the next.

        Raises RequestRefused.
        """
        if self._request is None:
            head, data = self._split_head(data)
            if not head:
                return None
            self._request = self._read_head(head)
        return self._read_body(self._request, data)

    def _split_head(self, data: bytes) -> tuple[bytes, bytes]:
        """(complete head, what follows it), or (b"", …) as long as its end has not come."""
        if self._head or data[:1] in (b"\r", b"\n"):
            self._head += data
            if not self._searched:  # empty lines before a request are allowed
                self._head = self._head.lstrip(b"\r\n")
            end = self._head.find(_HEAD_END, self._searched)
            if end >= 0:
                data = bytes(self._head)
        else:
            end = data.find(_HEAD_END)
            if end < 0:
                self._head += data
        if end >= 0:
            self._head = bytearray()
        self._searched = max(len(self._head) - 3, 0)
        size = end if end >= 0 else len(self._head)
        if size > self._limits.head_bytes:
            raise RequestRefused(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"The request line and the headers are larger than {self._limits.head_bytes} "
                f"bytes.",
            )
        if end < 0:
            if self._head and self._head[0] not in _FIRST_BYTES:
                raise RequestRefused(HTTPStatus.BAD_REQUEST, "This isn't an HTTP/1.1 request.")
            return b"", b""
        return data[: end + 4], data[end + 4 :]

    def _read_head(self, head: bytes) -> Request:
        environ = self._environ = self._base.copy()
        self._header_count = 0
        self._url = b""
        self._is_complete = False
        if not head.isascii():  # as browsers escape it; llhttp takes no other
            line, rest = head.split(b"\r\n", 1)
            head = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line) + b"\r\n" + rest
        if b"pgrade" in head.lower():
            # No other protocol is spoken here, so the request is one of HTTP/1.1 like all others.
            head = _UPGRADE.sub(b"", head)
        parser = self._parser = HttpRequestParser(self)
        try:
            parser.feed_data(head)
        except HttpParserUpgrade:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "This server isn't a proxy.") from None
        except HttpParserError as error:
            refused = error.__context__
            if isinstance(refused, RequestRefused):
                raise refused from None
            raise RequestRefused(HTTPStatus.BAD_REQUEST, f"{error}.") from None
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise RequestRefused(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server only supports HTTP/1.1."
            )
        method = parser.get_method().decode("ascii")
        request = Request(environ, method)
        request.has_newer_http = version == "1.1"
        closes = "close" in environ.get("HTTP_CONNECTION", "").lower()
        request.keeps_alive = request.has_newer_http and not closes
        environ["REQUEST_METHOD"] = method
        environ["SERVER_PROTOCOL"] = f"HTTP/{version}"
        self._read_target(environ)
        if "HTTP_HOST" not in environ and request.has_newer_http:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "The request has no Host header.")
        self._prepare_body(request)
        return request

    def _read_target(self, environ: dict[str, Any]) -> None:
        url = self._url
        if not url.startswith(b"/") and url != b"*":  # http://host/path, as proxies are asked
            parsed = parse_url(url)
            if parsed.host is None:
                raise RequestRefused(HTTPStatus.BAD_REQUEST, "The request has no path.")
            host = b"%s:%d" % (parsed.host, parsed.port) if parsed.port else parsed.host
            environ["HTTP_HOST"] = host.decode("latin-1")
            url = (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")
        path, _, query = url.partition(b"#")[0].partition(b"?")
        if b"%" in path:
            path = unquote_to_bytes(path)
        environ["PATH_INFO"] = path.decode("latin-1")
        environ["QUERY_STRING"] = query.decode("latin-1")

    def _prepare_body(self, request: Request) -> None:
        environ = self._environ
        coding = environ.pop("HTTP_TRANSFER_ENCODING", "")
        self._is_chunked = bool(coding)
        if coding and (coding.lower() != "chunked" or not request.has_newer_http):
            raise RequestRefused(
                HTTPStatus.NOT_IMPLEMENTED, "The only supported transfer coding is chunked."
            )
        self._missing = int(environ.get("CONTENT_LENGTH", 0))
        if self._missing > self._limits.body_bytes:
            self._give_up_body(request)
        self.wants_continue = (
            environ.get("HTTP_EXPECT", "").lower() == "100-continue"
            and request.has_newer_http
            and (self._is_chunked or self._missing > 0)
        )

    def _give_up_body(self, request: Request) -> None:
        """The application says that it is too large, in its own words; nothing more is read."""
        request.environ[TOO_LARGE] = True
        request.keeps_alive = False
        self._is_chunked = False
        self._missing = 0
        self._body = bytearray()

    def _read_body(self, request: Request, data: bytes) -> Request | None:
        if self._is_chunked:
            return self._read_chunks(request, data)
        missing = self._missing
        if missing > len(data):
            self._body += data
            self._missing -= len(data)
            return None
        if missing < len(data):
            if request.keeps_alive:
                self._head += data[missing:]
            data = data[:missing]
        if self._body:
            self._body += data
            data = bytes(self._body)
        return self._complete(request, data)

    def _read_chunks(self, request: Request, data: bytes) -> Request | None:
        parser = self._parser
        assert parser is not None
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            request.keeps_alive = False
        except HttpParserError as error:
            if not self._is_complete:
                raise RequestRefused(HTTPStatus.BAD_REQUEST, f"{error}.") from None
            request.keeps_alive = False
        if len(self._body) > self._limits.body_bytes:
            request.environ["CONTENT_LENGTH"] = str(len(self._body))
            self._give_up_body(request)
            return self._complete(request, b"")
        if not self._is_complete:
            return None
        request.environ["CONTENT_LENGTH"] = str(len(self._body))
        return self._complete(request, bytes(self._body))

    def _complete(self, request: Request, body: bytes) -> Request:
        request.environ["wsgi.input"] = BytesIO(body)
        request.size = len(body)
        self.wants_continue = False
        self._body = bytearray()
        self._missing = 0
        self._request = self._parser = None
        return request

    # --- What llhttp calls -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._is_complete and self._request is not None:
            # Another request in the same packet as the last chunk: where it begins is not known.
            self._request.keeps_alive = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._request is not None:  # a trailer: nobody asked for it
            return
        self._header_count += 1
        if self._header_count > self._limits.head_count:
            raise RequestRefused(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"The request has more than {self._limits.head_count} headers.",
            )
        key = _keys.get(name)
        if key is None:
            key = _make_key(name)
        if not key:
            return
        text = value.decode("latin-1").strip(" \t")
        before = self._environ.get(key)
        if before is None:
            self._environ[key] = text
        elif key in _ONCE:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, f"{name.decode()} stands there twice.")
        else:
            self._environ[key] = f"{before}; {text}" if key == "HTTP_COOKIE" else f"{before},{text}"

    def on_body(self, data: bytes) -> None:
        if not self._is_complete and len(self._body) <= self._limits.body_bytes:
            self._body += data

    def on_message_complete(self) -> None:
        if self._request is not None:
            self._is_complete = True


_ONCE = frozenset({"HTTP_HOST", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_AUTHORIZATION"})
_keys: dict[bytes, str] = {}


def _make_key(name: bytes) -> str:
    """A header's name in the environ; "" for one that must not get there.

    WSGI writes X-Forwarded-For and X_Forwarded_For alike, so that anybody could write into what a
    proxy vouches for. ``Proxy`` becomes HTTP_PROXY, which libraries take for a setting of theirs.
    """
    key = name.decode("latin-1").upper()
    if "_" in key or key == "PROXY":
        key = ""
    elif key in ("CONTENT-TYPE", "CONTENT-LENGTH"):
        key = key.replace("-", "_")
    else:
        key = "HTTP_" + key.replace("-", "_")
    if len(_keys) < _KEYS_KEPT:
        _keys[name] = key
    return key


def base_environ(server_name: str, server_port: int, peer: tuple[str, int]) -> dict[str, Any]:
    """What all requests of one connection share."""
    address, port = peer
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": server_name,
        "SERVER_PORT": str(server_port),
        "REMOTE_ADDR": address.removeprefix("::ffff:"),
        "REMOTE_PORT": str(port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
