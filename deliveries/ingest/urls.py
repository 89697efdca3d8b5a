"""The paths of RudderStack's data plane, and the short ones of Segment's browser SDK."""

from __future__ import annotations

from django.urls import path, re_path

from deliveries.ingest import openapi, pixel, source_config, status, views, webhook

app_name = "ingest"

event_views = {
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
"""The paths that take events; ``front`` goes there without the middleware for pages."""

urlpatterns = [
    *(path(route, view, name=route) for route, view in event_views.items()),
    path("pixel/v1/track", pixel.TrackPixelView.as_view(), name="pixel-track"),
    path("pixel/v1/page", pixel.PagePixelView.as_view(), name="pixel-page"),
    re_path(r"^sourceConfig/?$", source_config.SourceConfigView.as_view(), name="source-config"),
    path("api/schema/", openapi.document, name="schema"),
    path("api/docs/", openapi.page, name="docs"),
    path("docs", openapi.page),
    path("", status.root, name="root"),
    path("health", status.health, name="health"),
    path("version", status.version, name="version"),
    path("robots.txt", status.robots, name="robots"),
    re_path(r"^(?:v1|beacon|pixel)/", status.unknown_path),
]
