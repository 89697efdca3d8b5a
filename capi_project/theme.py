"""How the admin looks and what its side bar offers: the settings of django-unfold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def _static(path: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(path)


def _allowed(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _entry(title: StrOrPromise, icon: str, model: str) -> dict[str, Any]:
    """A line of the side bar that leads to the list of ``app.model``, for those who may see it."""
    app, _, name = model.partition(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": _allowed(f"{app}.view_{name}"),
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "CAPI Relay",
    "SITE_HEADER": "CAPI Relay",
    "SITE_SUBHEADER": gettext_lazy("Your events, delivered to Pinterest"),
    "SITE_ICON": _static("relay/mark.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": _static("relay/mark.svg")},
    ],
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "ACCOUNT": {
        "navigation": [
            {
                "title": gettext_lazy("Change password"),
                "link": reverse_lazy("admin:password_change"),
            },
            {
                "title": gettext_lazy("Two-factor authentication"),
                "link": reverse_lazy("two_factor"),
            },
        ],
    },
    "DASHBOARD_CALLBACK": "deliveries.admin.home.add_overview",
    "STYLES": [_static("relay/relay.css")],
    "SCRIPTS": [_static("relay/relay.js"), _static("relay/list.js")],
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .014 255)",
            "100": "oklch(94% .032 255)",
            "200": "oklch(88.5% .06 255)",
            "300": "oklch(81% .1 256)",
            "400": "oklch(71.5% .145 257)",
            "500": "oklch(62% .185 259)",
            "600": "oklch(52.5% .195 261)",
            "700": "oklch(46% .18 262)",
            "800": "oklch(40% .15 263)",
            "900": "oklch(35.5% .115 264)",
            "950": "oklch(27% .085 265)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {
                        "title": gettext_lazy("Home"),
                        "icon": "space_dashboard",
                        "link": reverse_lazy("admin:index"),
                    }
                ],
            },
            {
                "title": gettext_lazy("Activity"),
                "items": [
                    {
                        "title": gettext_lazy("Alerts"),
                        "icon": "notifications",
                        "link": reverse_lazy("alerts"),
                        "permission": _allowed("deliveries.view_delivery"),
                    },
                    _entry(gettext_lazy("Delivery log"), "receipt_long", "deliveries.delivery"),
                    _entry(gettext_lazy("Batches"), "stacks", "deliveries.batch"),
                    _entry(gettext_lazy("Invalid events"), "block", "deliveries.refusal"),
                    {
                        **_entry(
                            gettext_lazy("Bulk actions"), "checklist", "deliveries.bulkaction"
                        ),
                        "permission": _allowed("deliveries.view_delivery"),
                    },
                ],
            },
            {
                "title": gettext_lazy("Configuration"),
                "items": [
                    _entry(gettext_lazy("Sources"), "sensors", "destinations.source"),
                    _entry(gettext_lazy("Destinations"), "flag", "destinations.destination"),
                    {
                        "title": gettext_lazy("Alert rules"),
                        "icon": "tune",
                        "link": reverse_lazy("alert_rules"),
                        "permission": _allowed("deliveries.view_delivery"),
                    },
                    {
                        "title": gettext_lazy("Alert channels"),
                        "icon": "campaign",
                        "link": reverse_lazy("alert_channels"),
                        "permission": _allowed("destinations.change_destination"),
                    },
                    {
                        "title": gettext_lazy("People remembered"),
                        "icon": "fingerprint",
                        "link": reverse_lazy("people"),
                        "permission": _allowed("destinations.view_source"),
                    },
                ],
            },
            {
                "title": gettext_lazy("Access"),
                "items": [
                    _entry(gettext_lazy("Users"), "person", "auth.user"),
                    _entry(gettext_lazy("Groups"), "group", "auth.group"),
                    _entry(gettext_lazy("History"), "history", "admin.logentry"),
                    {
                        "title": gettext_lazy("System status"),
                        "icon": "monitor_heart",
                        "link": reverse_lazy("status"),
                        "permission": _allowed("destinations.change_destination"),
                    },
                ],
            },
        ],
    },
}
