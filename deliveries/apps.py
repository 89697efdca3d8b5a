from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy


class DeliveriesConfig(AppConfig):
    """The queue of what is owed to Pinterest, and its log."""

    name = "deliveries"
    verbose_name = gettext_lazy("Activity")

    def ready(self) -> None:
        connection_created.connect(_tune, dispatch_uid="deliveries")


def _tune(connection: Any, **_: object) -> None:
    """No statement here runs for seconds: to compile one costs more than it saves, up to 130 ms.

    By a statement, because a pooler in between may not know it as an option of the connection.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET jit = off")
