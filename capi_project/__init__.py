"""The Django project: settings, URLs, the Celery app."""

from capi_project.celery import app as celery_app

__all__ = ["celery_app"]
