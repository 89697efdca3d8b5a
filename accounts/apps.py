from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy


class AccountsConfig(AppConfig):
    """Signing in, the second factor, roles.

    Its label is what it was called before, so that tables, permissions and migrations stay.
    """

    name = "accounts"
    label = "capi_project"

    def ready(self) -> None:
        # What the side bar calls them; Django's own words stand above their pages.
        for label in ("auth", "admin"):
            apps.get_app_config(label).verbose_name = gettext_lazy("Access")
