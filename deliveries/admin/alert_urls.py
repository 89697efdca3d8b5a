"""Where the pages of alerts are, below ``admin/alerts/``."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from deliveries.admin import alert_channel_pages as channels
from deliveries.admin import alert_pages as alerts
from deliveries.admin import alert_rule_pages as rules

view = admin.site.admin_view

urlpatterns = [
    path("", view(alerts.alerts_view), name="alerts"),
    path("<int:pk>/", view(alerts.alert_view), name="alert"),
    path("<int:pk>/acknowledge/", view(alerts.acknowledge_view), name="alert_acknowledge"),
    path("<int:pk>/silence/", view(alerts.silence_view), name="alert_silence"),
    path("<int:pk>/silence/end/", view(alerts.end_silence_view), name="alert_end_silence"),
    path("rules/", view(rules.rules_view), name="alert_rules"),
    path("rules/<slug:condition>/", view(rules.rule_view), name="alert_rule"),
    path("channels/", view(channels.channels_view), name="alert_channels"),
    path("channels/add/<slug:kind>/", view(channels.channel_add_view), name="alert_channel_add"),
    path("channels/<int:pk>/", view(channels.channel_view), name="alert_channel"),
    path("channels/<int:pk>/test/", view(channels.channel_test_view), name="alert_channel_test"),
    path(
        "channels/<int:pk>/delete/",
        view(channels.channel_delete_view),
        name="alert_channel_delete",
    ),
]
