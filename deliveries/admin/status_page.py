"""The page "System status": what ``manage.py doctor`` finds, as seen by the web server."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from deliveries.doctor.checks import run_checks
from deliveries.doctor.findings import Level

PERMISSION = "destinations.change_destination"


def status_view(request: HttpRequest) -> HttpResponse:
    """Runs all checks; for those who can set things up."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    findings = run_checks()
    context = {
        **admin.site.each_context(request),
        "title": gettext("System status"),
        "findings": sorted(findings, key=lambda one: _ORDER[one.level]),
        "errors": sum(one.level is Level.ERROR for one in findings),
        "warnings": sum(one.level is Level.WARNING for one in findings),
    }
    return TemplateResponse(request, "admin/deliveries/status/status.html", context)


_ORDER = {Level.ERROR: 0, Level.WARNING: 1, Level.OK: 2}
