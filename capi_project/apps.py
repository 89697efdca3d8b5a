"""The project as an app, and the admin without its pages: only the URLs load those."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import SimpleAdminConfig
from django.utils.translation import gettext_lazy


class ProjectConfig(AppConfig):
    """Groups, signing in, how the admin looks."""

    name = "capi_project"

    def ready(self) -> None:
        # What the side bar calls them; Django's own words stand above their pages.
        for label in ("auth", "admin"):
            apps.get_app_config(label).verbose_name = gettext_lazy("People")


class AdminConfig(SimpleAdminConfig):
    """The admin in django-unfold's look.

    ``capi_project.urls`` looks for the admin modules. Django would do so in every process, and a
    worker, which shows no page, would hold ten megabytes of them.
    """

    default_site = "unfold.sites.UnfoldAdminSite"


class LookConfig(AppConfig):
    """django-unfold's templates and static files; its own configurations import its pages."""

    name = "unfold"
