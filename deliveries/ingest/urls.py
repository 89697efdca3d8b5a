"""The one table of ingest's routes: RudderStack's data plane, Segment's short paths, the probes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import path, re_path

from deliveries.ingest import (
    metrics_endpoint,
    openapi,
    pixel,
    source_config,
    status,
    views,
    webhook,
)
from deliveries.stats.health import readyz

app_name = "ingest"

View = Callable[..., Any]

event_views: dict[str, View] = {
    "v1/batch": views.BatchView.as_view(),
    "v1/track": views.TrackView.as_view(),
    "v1/page": views.PageView.as_view(),
    "v1/screen": views.ScreenView.as_view(),
    "v1/identify": views.IdentifyView.as_view(),
    "v1/group": views.GroupView.as_view(),
    "v1/alias": views.AliasView.as_view(),
    "v1/merge": views.MergeView.as_view(),
    "v1/audiencelist": views.AudienceListView.as_view(),
    "v1/import": views.BatchView.as_view(),
    "v1/b": views.BatchView.as_view(),
    "v1/t": views.TrackView.as_view(),
    "v1/p": views.PageView.as_view(),
    "v1/s": views.ScreenView.as_view(),
    "v1/i": views.IdentifyView.as_view(),
    "v1/g": views.GroupView.as_view(),
    "v1/a": views.AliasView.as_view(),
    "v1/webhook": webhook.WebhookView.as_view(),
    "beacon/v1/batch": views.BeaconView.as_view(),
}
"""The paths that take events."""

pixel_views: dict[str, View] = {
    "pixel/v1/track": pixel.TrackPixelView.as_view(),
    "pixel/v1/page": pixel.PagePixelView.as_view(),
    **{
        f"v1/pixel/{event_type}": pixel.EncodedPixelView.as_view(event_type=event_type)
        for event_type in ("track", "page", "screen", "identify", "group", "alias")
    },
}
"""RudderStack's, with a field for each parameter, and Segment's, with all in ``data``."""

key_views: dict[str, View] = {
    **event_views,
    **pixel_views,
    "sourceConfig": source_config.SourceConfigView.as_view(schema=None),  # described with its slash
    "sourceConfig/": source_config.SourceConfigView.as_view(),
}
"""The paths that ask for a write key."""

direct_views: dict[str, View] = {
    **key_views,
    # Probes ask by address, under names that ALLOWED_HOSTS lacks, and without TLS.
    "": status.root,
    "health": status.health,
    "readyz": readyz,
    "metrics": metrics_endpoint.metrics,
}
"""What SDKs, image tags and probes ask: ``middleware`` goes there past all that pages need."""

tolerant_paths = (*event_views, *pixel_views, "sourceConfig")
"""Those that SDKs make of a host that a person typed: ``middleware`` reads all their spellings."""

unknown_folders = ("v1/", "beacon/", "pixel/")
"""Whatever else is asked below them is answered in plain text: an SDK reads it."""

urlpatterns = [
    *(path(route, view, name=route or "root") for route, view in direct_views.items()),
    path("api/schema/", openapi.document, name="schema"),
    path("api/docs/", openapi.page, name="docs"),
    path("docs", openapi.page),
    path("version", status.version, name="version"),
    path("robots.txt", status.robots, name="robots"),
    *(re_path(f"^{folder}", status.unknown_path) for folder in unknown_folders),
]
