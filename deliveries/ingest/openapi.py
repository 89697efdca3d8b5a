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
    "description": "One RudderStack or Segment event. Fields that are not named here are kept too. "
    "userId or anonymousId is required.",
    "properties": {
        "type": {**TEXT, "description": "In a batch: track, page, screen, identify, group, alias."},
        "event": {**TEXT, "description": "Of a track call: its name."},
        "name": {**TEXT, "description": "Of a page or screen call: its name."},
        "userId": {**TEXT, "nullable": True},
        "anonymousId": {**TEXT, "nullable": True},
        "messageId": {
            **TEXT,
            "maxLength": 255,
            "description": "Taken once for each source; made up when missing.",
        },
        "timestamp": {
            **MOMENT,
            "description": "When missing: receivedAt − (sentAt − originalTimestamp). Without an "
            "originalTimestamp beside it, it is by the sender's clock, and sentAt corrects it.",
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
        "sentAt": {**MOMENT, "description": "By the sender's clock; a default of each event."},
        "context": {"type": "object", "description": "A default of each event, key by key."},
        "integrations": {"type": "object", "description": "A default of each event, key by key."},
        "traits": {"type": "object", "description": "A default of each event, key by key."},
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
    "data", str, required=True, description="Base64 (either alphabet, padded or not) of the JSON."
)


def _answer(text: str, description: str) -> OpenApiResponse:
    examples = [OpenApiExample(text, value=text, media_type="text/plain", response_only=True)]
    return OpenApiResponse({"type": "string"}, description=description, examples=examples)


STORED = _answer("OK", "Stored durably. Events that cannot be taken are listed as refusals.")
EXAMPLE = OpenApiExample("An order", value=ORDER, request_only=True)
BATCH_EXAMPLE = OpenApiExample(
    "A batch", value={"batch": [{"type": "track", **ORDER}]}, request_only=True
)
IMAGE = {(200, "image/gif"): OpenApiResponse({"type": "string", "format": "binary"}, "Always.")}
SOURCE_CONFIG = {(200, "application/json"): OpenApiResponse({"type": "object"}, "The source.")}
ERRORS = {
    (400, "text/plain"): _answer(
        responses.INVALID_JSON, "Nothing of the request can be taken; sending it again is no use."
    ),
    (401, "text/plain"): _answer(responses.UNKNOWN_WRITE_KEY, "No write key, or an unknown one."),
    (403, "text/plain"): _answer(
        responses.ORIGIN_NOT_ALLOWED, "A page of an origin that the source does not list."
    ),
    (404, "text/plain"): _answer(responses.SOURCE_DISABLED, "The source is switched off."),
    (413, "text/plain"): _answer(responses.TOO_LARGE, "More than 4,096,000 bytes unpacked."),
    (415, "text/plain"): _answer(
        responses.UNSUPPORTED_ENCODING, "Compressed with something else than gzip or deflate."
    ),
    (429, "text/plain"): _answer(responses.TOO_MANY_REQUESTS, "Wait as long as Retry-After says."),
    (503, "text/plain"): _answer(responses.NO_STORAGE, "Nothing was stored: send it again."),
}


class IngestSchema(AutoSchema):
    """Reads ``schema_*`` of the ingest views instead of serializers, which they do not have."""

    def get_summary(self) -> str:
        return str(self.view.schema_summary)

    def get_description(self) -> str:
        return str(self.view.schema_description)

    def get_tags(self) -> list[str]:
        return [self.view.schema_tag]

    def get_request_serializer(self) -> Any:
        return {"application/json": self.view.schema_request} if self.method == "POST" else None

    def get_response_serializers(self) -> Any:
        return self.view.schema_responses

    def get_override_parameters(self) -> list[OpenApiParameter]:
        return [WRITE_KEY_IN_QUERY, *self.view.schema_parameters]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{"writeKey": []}]  # the scheme is in SPECTACULAR_SETTINGS

    def get_examples(self) -> list[OpenApiExample]:
        return list(self.view.schema_examples)


document = SpectacularAPIView.as_view(urlconf="deliveries.ingest.urls")
page = SpectacularSwaggerSplitView.as_view(url_name="ingest:schema")
