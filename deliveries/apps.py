from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class DeliveriesConfig(AppConfig):
    """The queue of what is owed to Pinterest, and its log."""

    name = "deliveries"
    verbose_name = gettext_lazy("What happened")
