"""The WSGI application that the web server runs."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from capi_project import error_reports
from deliveries.stats import process_metrics, traces

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capi_project.settings")

if settings.SENTRY_DSN:
    error_reports.start(settings.SENTRY_DSN, settings.VERSION)
application = get_wsgi_application()
if settings.OTEL_ON:
    traces.start("web")
if settings.METRICS_ON:
    process_metrics.start(settings.METRICS_DIR, "web")
