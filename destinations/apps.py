from django.apps import AppConfig


class DestinationsConfig(AppConfig):
    """Where events come from and go to."""

    name = "destinations"
    verbose_name = "Set up"
