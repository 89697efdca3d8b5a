"""The admin without its pages: only the URLs load those."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class AdminConfig(SimpleAdminConfig):
    """The admin in django-unfold's look, every list of it strict (``admin_base``).

    ``capi_project.urls`` looks for the admin modules. Django would do so in every process, and a
    worker, which shows no page, would hold ten megabytes of them.
    """

    default_site = "admin_base.site.RelayAdminSite"


class LookConfig(AppConfig):
    """django-unfold's templates and static files; its own configurations import its pages."""

    name = "unfold"
