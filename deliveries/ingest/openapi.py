"""The OpenAPI document of the ingest API, and the page that shows it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from deliveries.ingest import responses

TEXT = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time"}
EVENT = {
    "type": "object",
    "description": "A RudderStack or Segment event. Other fields are stored too. Either userId or "
    "anonymousId is required.",
    "properties": {
        "type": {
            **TEXT,
            "description": "In a batch: track, page, screen, identify, group, or alias.",
        },
        "event": {**TEXT, "description": "Track calls: the event's name."},
        "name": {**TEXT, "description": "Page and screen calls: the name of the page or screen."},
        "userId": {**TEXT, "nullable": True},
        "anonymousId": {**TEXT, "nullable": True},
        "messageId": {
            **TEXT,
            "maxLength": 255,
            "description": "Stored once per source; generated if missing.",
        },
        "timestamp": {
            **MOMENT,
            "description": "If missing: receivedAt − (sentAt − originalTimestamp). Without an "
            "originalTimestamp, it comes from the sender's clock and is corrected with sentAt.",
        },
        "originalTimestamp": MOMENT,
        "sentAt": MOMENT,
        "properties": {"type": "object"},
        "context": {"type": "object"},
        "traits": {"type": "object"},
        "integrations": {"type": "object"},
    },
    "additionalProperties": True,
}
BATCH = {
    "type": "object",
    "required": ["batch"],
    "properties": {
        "batch": {"type": "array", "minItems": 1, "items": EVENT},
        "writeKey": {**TEXT, "description": "Instead of Basic auth."},
        "sentAt": {
            **MOMENT,
            "description": "According to the sender's clock. Default for all events.",
        },
        "context": {"type": "object", "description": "Defaults for all events, key by key."},
        "integrations": {"type": "object", "description": "Defaults for all events, key by key."},
        "traits": {"type": "object", "description": "Defaults for all events, key by key."},
    },
    "additionalProperties": True,
}
WEBHOOK = {
    "oneOf": [
        {"type": "object", "additionalProperties": True},
        {"type": "array", "minItems": 1, "items": {"type": "object", "additionalProperties": True}},
    ]
}
ORDER = {
    "event": "Order Completed",
    "userId": "user-1",
    "messageId": "0fe0fd61-b593-4a79-8aa3-2a16b5cc075a",
    "properties": {"order_id": "1001", "value": 35.0, "currency": "USD"},
    "context": {"traits": {"email": "alex@example.com"}},
}
WRITE_KEY_IN_QUERY = OpenApiParameter(
    "writeKey", str, description="The write key, instead of Basic auth."
)
PIXEL_DATA = OpenApiParameter(
    "data",
    str,
    required=True,
    description="The Base64-encoded JSON (either alphabet, with or without padding).",
)


def _answer(text: str, description: str) -> OpenApiResponse:
    examples = [OpenApiExample(text, value=text, media_type="text/plain", response_only=True)]
    return OpenApiResponse({"type": "string"}, description=description, examples=examples)


STORED = _answer(
    "OK", "Stored durably. Events that can't be accepted are listed as invalid events."
)
EXAMPLE = OpenApiExample("An order", value=ORDER, request_only=True)
BATCH_EXAMPLE = OpenApiExample(
    "A batch", value={"batch": [{"type": "track", **ORDER}]}, request_only=True
)
IMAGE = {(200, "image/gif"): OpenApiResponse({"type": "string", "format": "binary"}, "Always.")}
SOURCE_CONFIG = {(200, "application/json"): OpenApiResponse({"type": "object"}, "The source.")}
ERRORS = {
    (400, "text/plain"): _answer(
        responses.INVALID_JSON, "Nothing in the request can be accepted. Don't send it again."
    ),
    (401, "text/plain"): _answer(
        responses.UNKNOWN_WRITE_KEY, "The write key is missing or unknown."
    ),
    (403, "text/plain"): _answer(
        responses.ORIGIN_NOT_ALLOWED, "The page's origin isn't among the source's allowed origins."
    ),
    (404, "text/plain"): _answer(responses.SOURCE_DISABLED, "The source is turned off."),
    (413, "text/plain"): _answer(
        responses.TOO_LARGE, "More than 4,096,000 bytes after decompression."
    ),
    (415, "text/plain"): _answer(
        responses.UNSUPPORTED_ENCODING, "Compressed with something other than gzip or deflate."
    ),
    (429, "text/plain"): _answer(responses.TOO_MANY_REQUESTS, "Wait as long as Retry-After says."),
    (503, "text/plain"): _answer(responses.NO_STORAGE, "Nothing was stored. Send it again."),
}


class IngestSchema(AutoSchema):
    """Reads ``schema_*`` of the ingest views instead of serializers, which they do not have."""

    view: Any

    def get_summary(self) -> str:
        return str(self.view.schema_summary)

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular gives no arguments
        return str(self.view.schema_description)

    def get_tags(self) -> list[str]:
        return [self.view.schema_tag]

    def get_request_serializer(self) -> Any:
        return {"application/json": self.view.schema_request} if self.method == "POST" else None

    def get_response_serializers(self) -> Any:
        return self.view.schema_responses

    def get_override_parameters(self) -> list[Any]:
        return [WRITE_KEY_IN_QUERY, *self.view.schema_parameters]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{"writeKey": []}]  # the scheme is in SPECTACULAR_SETTINGS

    def get_examples(self) -> list[OpenApiExample]:
        return list(self.view.schema_examples)


document = SpectacularAPIView.as_view(urlconf="deliveries.ingest.urls")
page = SpectacularSwaggerSplitView.as_view(url_name="ingest:schema")
