"""However a body is packed and whatever its headers say of it, the same event comes out."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.ingest.encodings import to_utf8, unpack_body
from deliveries.ingest.responses import BodyRefused
from deliveries.models import Event, Refusal
from destinations.models import Source
from tests.deliveries.ingest.sender import Post, answer, stored
from tests.factories import make_event

LIMIT = 100_000
UNSUPPORTED = (415, "content encoding is not supported: use gzip, deflate or identity\n")


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


PACKED = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zlib, fast": lambda body: zlib.compress(body, 1),
    "gzip in members": lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:]),
    "gzip twice": lambda body: gzip.compress(gzip.compress(body)),
    "nothing": bytes,
}
HEADERS = ["", "gzip", "x-gzip", "GZIP", "deflate", "identity", "br", "gzip, gzip", "utf-8", "?"]
BODIES = st.builds(
    lambda value: json.dumps(value, ensure_ascii=False).encode(),
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), min_size=1),
)


@given(BODIES, st.sampled_from(sorted(PACKED)), st.sampled_from(HEADERS))
def test_the_bytes_decide_and_not_the_header(body: bytes, way: str, header: str) -> None:
    assert unpack_body(PACKED[way](body), header, LIMIT) == body


@given(BODIES, st.sampled_from(["deflate", "Deflate ", "identity, deflate", "deflate, identity"]))
def test_deflate_without_a_header_of_its_own_needs_one_in_the_request(
    body: bytes, header: str
) -> None:
    assert unpack_body(raw_deflate(body), header, LIMIT) == body
    both = "gzip, " + header
    assert unpack_body(raw_deflate(gzip.compress(body)), both, LIMIT) == body


@pytest.mark.parametrize("header", ["br", "zstd", "compress", "gzip, br", "exi", "aes128gcm"])
def test_another_coding_is_answered_415_with_what_is_supported(
    post: Post, source: Source, header: str
) -> None:
    response = post("/v1/track", b"\x0b\x02\x80{}\x03", HTTP_CONTENT_ENCODING=header)
    assert answer(response) == UNSUPPORTED
    assert response["Accept-Encoding"] == "gzip, deflate, identity"
    assert Refusal.objects.get().code == "unsupported_encoding"


def test_zstd_is_known_without_a_header(post: Post, source: Source) -> None:
    assert answer(post("/v1/track", b"\x28\xb5\x2f\xfd\x04X")) == UNSUPPORTED


@pytest.mark.parametrize(
    "body",
    [
        b"x\x9c",
        zlib.compress(b"{}")[:-2],
        zlib.compress(b"{}") + b"rest",
        raw_deflate(b"{}")[:-1],
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"{}"))))),
    ],
)
def test_a_broken_stream_is_answered_400(post: Post, source: Source, body: bytes) -> None:
    response = post("/v1/track", body, HTTP_CONTENT_ENCODING="deflate")
    assert answer(response) == (400, "failed to read body from request\n")
    assert Refusal.objects.get().code == "invalid_gzip"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
def test_what_comes_out_is_limited_at_every_layer(pack: Any) -> None:
    body = b"{" + b" " * LIMIT
    for packed in (pack(body), gzip.compress(pack(body))):
        with pytest.raises(BodyRefused) as caught:
            unpack_body(packed, "deflate" if packed[:1] != b"\x1f" else "deflate, gzip", LIMIT)
        assert caught.value.status == 413
    assert unpack_body(pack(body[:-1]), "deflate", LIMIT) == body[:-1]


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text("aé😀"), min_size=1),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    st.booleans(),
)
def test_every_form_of_unicode_is_the_same_text(
    value: dict[str, str], encoding: str, escaped: bool
) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    assert to_utf8(text.encode(encoding)) == text.encode()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_byte_order_mark_costs_no_event(
    post: Post, source: Source, encoding: str, zipped: bool
) -> None:
    body = json.dumps(make_event(name="Café"), ensure_ascii=False).encode(encoding)
    assert answer(post("/v1/track", gzip.compress(body) if zipped else body)) == (200, "OK")
    assert stored(Event.objects.get())["name"] == "Café"


@pytest.mark.parametrize(
    "charset", ["ISO-8859-1", "latin1", "windows-1252", "iso-8859-15", '"cp1252"']
)
def test_the_charset_counts_where_the_body_is_not_utf_8(
    post: Post, source: Source, charset: str
) -> None:
    content_type = f"application/json; charset={charset}"
    body = json.dumps(make_event(name="Café"), ensure_ascii=False)
    for encoding in ("latin-1", "utf-8"):
        Event.objects.all().delete()
        sent = body.encode(encoding)
        assert answer(post("/v1/track", sent, content_type=content_type)) == (200, "OK")
        event = stored(Event.objects.get())
        assert event["name"] == "Café"
        assert "_repairs" not in event
