from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class DestinationsConfig(AppConfig):
    """Where events come from and go to."""

    name = "destinations"
    verbose_name = gettext_lazy("Configuration")
