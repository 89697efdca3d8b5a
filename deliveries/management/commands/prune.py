"""``manage.py prune``: remove bodies and log rows whose retention is over, now and to the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from deliveries.privacy.retention import prune


class Command(BaseCommand):
    help = (
        "Removes bodies older than BODY_RETENTION_DAYS and log rows older than "
        "LOG_RETENTION_DAYS, in small steps. Workers do this every minute."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        counts, _ = prune(
            bodies_before=now - timedelta(days=settings.BODY_RETENTION_DAYS),
            log_before=now - timedelta(days=settings.LOG_RETENTION_DAYS),
            people_before=now - timedelta(days=settings.IDENTITY_RETENTION_DAYS),
            now=now,
        )
        for name, count in counts.items():
            shown = name.replace("refusals", "invalid events")  # the job's cursor has its name
            self.stdout.write(f"{shown}: {count:,}")
