"""The paths of RudderStack's data plane, and the short ones of Segment's browser SDK."""

from __future__ import annotations

from django.urls import path, re_path

from deliveries.ingest import pixel, source_config, status, views

app_name = "ingest"

urlpatterns = [
    path("v1/batch", views.BatchView.as_view(), name="batch"),
    path("v1/track", views.TrackView.as_view(), name="track"),
    path("v1/page", views.PageView.as_view(), name="page"),
    path("v1/screen", views.ScreenView.as_view(), name="screen"),
    path("v1/identify", views.IdentifyView.as_view(), name="identify"),
    path("v1/group", views.GroupView.as_view(), name="group"),
    path("v1/alias", views.AliasView.as_view(), name="alias"),
    path("v1/merge", views.MergeView.as_view(), name="merge"),
    path("v1/import", views.BatchView.as_view(), name="import"),
    path("v1/b", views.BatchView.as_view(), name="short-batch"),
    path("v1/t", views.TrackView.as_view(), name="short-track"),
    path("v1/p", views.PageView.as_view(), name="short-page"),
    path("v1/s", views.ScreenView.as_view(), name="short-screen"),
    path("v1/i", views.IdentifyView.as_view(), name="short-identify"),
    path("v1/g", views.GroupView.as_view(), name="short-group"),
    path("v1/a", views.AliasView.as_view(), name="short-alias"),
    path("beacon/v1/batch", views.BeaconView.as_view(), name="beacon"),
    path("pixel/v1/track", pixel.TrackPixelView.as_view(), name="pixel-track"),
    path("pixel/v1/page", pixel.PagePixelView.as_view(), name="pixel-page"),
    re_path(r"^sourceConfig/?$", source_config.SourceConfigView.as_view(), name="source-config"),
    path("health", status.health, name="health"),
    path("version", status.version, name="version"),
    path("robots.txt", status.robots, name="robots"),
    re_path(r"^(?:v1|beacon|pixel)/", status.unknown_path),
]
