"""What the browser SDK asks before it sends its first event."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from rest_framework.request import Request

from deliveries.ingest import openapi
from deliveries.ingest.authentication import HeaderWriteKeyAuthentication
from deliveries.ingest.views import IngestView, source_of
from destinations.routing import SourceRoutes


class SourceConfigView(IngestView):
    """Cloud mode, statistics off: the browser sends its events here and loads nothing else."""

    authentication_classes = (HeaderWriteKeyAuthentication,)
    schema_summary = "Configuration for the browser SDK"
    schema_tag = "browser SDK"
    schema_responses = {**openapi.SOURCE_CONFIG, **openapi.ERRORS}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not is_blocker_probe(request):
            super().initial(request, *args, **kwargs)

    def get(self, request: Request) -> HttpResponse:
        return JsonResponse(
            describe_source(source_of(request)), headers={"Cache-Control": "no-store"}
        )

    def head(self, request: Request) -> HttpResponse:
        return HttpResponse() if is_blocker_probe(request) else self.get(request)


def is_blocker_probe(request: Request) -> bool:
    """``HEAD …?view=ad`` only asks whether an ad blocker lets it pass; it carries no write key."""
    return request.method == "HEAD" and request.query_params.get("view") == "ad"


def describe_source(source: SourceRoutes) -> dict[str, Any]:
    """The smallest answer with which the SDK starts and stays quiet."""
    off = {"enabled": False}
    return {
        "source": {
            "id": f"source_{source.source_id}",
            "name": source.name,
            "enabled": source.enabled,
            "workspaceId": "capi-relay",
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "destinations": [],
            "connections": [],
            "dataplanes": {},
        },
    }
