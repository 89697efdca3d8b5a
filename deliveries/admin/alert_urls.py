"""Where the pages of alerts are, below ``admin/``.

The side bar marks the entries whose path begins the page's, so no path here begins another.
"""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from deliveries.admin import alert_channel_pages as channels
from deliveries.admin import alert_pages as alerts
from deliveries.admin import alert_rule_pages as rules

view = admin.site.admin_view

urlpatterns = [
    path("alerts/", view(alerts.alerts_view), name="alerts"),
    path("alerts/<int:pk>/", view(alerts.alert_view), name="alert"),
    path("alerts/<int:pk>/acknowledge/", view(alerts.acknowledge_view), name="alert_acknowledge"),
    path("alerts/<int:pk>/silence/", view(alerts.silence_view), name="alert_silence"),
    path("alerts/<int:pk>/silence/end/", view(alerts.end_silence_view), name="alert_end_silence"),
    path("alert-rules/", view(rules.rules_view), name="alert_rules"),
    path("alert-rules/<slug:condition>/", view(rules.rule_view), name="alert_rule"),
    path("alert-channels/", view(channels.channels_view), name="alert_channels"),
    path(
        "alert-channels/add/<slug:kind>/", view(channels.channel_add_view), name="alert_channel_add"
    ),
    path("alert-channels/<int:pk>/", view(channels.channel_view), name="alert_channel"),
    path(
        "alert-channels/<int:pk>/test/", view(channels.channel_test_view), name="alert_channel_test"
    ),
    path(
        "alert-channels/<int:pk>/delete/",
        view(channels.channel_delete_view),
        name="alert_channel_delete",
    ),
]
