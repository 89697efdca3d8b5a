"""Where events come from (Source) and go to (Destination, EventMapping)."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower, Trim
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from destinations.pinterest.transform import TransformConfig
from destinations.secrets import Secret, SecretField

EVENT_NAME_VALIDATOR = RegexValidator(
    r"^[A-Za-z0-9_-]{1,100}\Z",
    gettext_lazy("Use letters, digits, _ and - only, at most 100 of them."),
)


def generate_write_key() -> str:
    """A new credential for a source: 27 URL-safe characters, 160 random bits."""
    return secrets.token_urlsafe(20)


class Source(models.Model):
    """Which site or app sends us events, and with which key?"""

    name = models.CharField(
        gettext_lazy("name"),
        max_length=100,
        unique=True,
        help_text=gettext_lazy("A site or app of yours."),
    )
    write_key = models.CharField(
        gettext_lazy("write key"),
        max_length=100,
        unique=True,
        default=generate_write_key,
        validators=[
            RegexValidator(r"^[\x21-\x39\x3b-\x7e]+\Z", gettext_lazy("No spaces and no colon."))
        ],
        help_text=gettext_lazy(
            "The credential that SDKs send. Whoever has it can send events as this source."
        ),
    )
    enabled = models.BooleanField(
        gettext_lazy("enabled"),
        default=True,
        help_text=gettext_lazy("Off: its events are answered with 404 and not taken."),
    )
    allowed_origins = models.TextField(
        gettext_lazy("allowed origins"),
        blank=True,
        help_text=gettext_lazy(
            "Websites whose pages may send to this source, one a line (https://www.example.com). "
            "Blank: any. It keeps other people's pages out, not programs: who has the key can send "
            "without a page."
        ),
    )
    is_public = models.BooleanField(
        gettext_lazy("public write key"),
        default=False,
        db_default=False,  # what runs the release before may add a source
        help_text=gettext_lazy(
            "The key is in a website or an app, where anybody can read it. Each visitor may then "
            "send only so much a second. Use a source of its own for your server."
        ),
    )
    rate_limit_per_second = models.PositiveIntegerField(
        gettext_lazy("rate limit per second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=gettext_lazy(
            "Requests a second, and 100 times as many events, above which senders are told to wait "
            "(429). Blank: no limit."
        ),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = gettext_lazy("source")
        verbose_name_plural = gettext_lazy("sources")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class DestinationQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def sendable(self, now: datetime) -> Self:
        """On, not paused, and not held back by a rate limit or after failures."""
        return self.filter(
            models.Q(circuit__hold_until__isnull=True) | models.Q(circuit__hold_until__lte=now),
            enabled=True,
            paused_at__isnull=True,
        )


class Destination(models.Model):
    """Which Pinterest ad account gets conversions, and how are they made?"""

    class Service(models.TextChoices):
        PINTEREST = "pinterest", gettext_lazy("Pinterest")
        SANDBOX = "sandbox", gettext_lazy("Sandbox (a stand-in on your own machine)")

    class ApiVersion(models.TextChoices):
        V5 = "v5", gettext_lazy("v5")
        V3 = "v3", gettext_lazy("v3 (legacy)")

    class ActionSource(models.TextChoices):
        WEB = "web", gettext_lazy("Web site (web)")
        APP_IOS = "app_ios", gettext_lazy("iOS app (app_ios)")
        APP_ANDROID = "app_android", gettext_lazy("Android app (app_android)")
        OFFLINE = "offline", gettext_lazy("Offline, e.g. a shop (offline)")

    class UnmappedEvents(models.TextChoices):
        BY_NAME = "by_name", gettext_lazy("Send under their own name (a user-defined event)")
        AS_CUSTOM = "as_custom", gettext_lazy("Send as the Pinterest event “custom”")
        FILTER = "filter", gettext_lazy("Do not send (filtered)")

    name = models.CharField(gettext_lazy("name"), max_length=100, unique=True)
    service = models.CharField(
        gettext_lazy("service"),
        max_length=20,
        choices=Service,
        default=Service.PINTEREST,
        help_text=gettext_lazy(
            "The sandbox answers as Pinterest does and counts nothing towards your ads."
        ),
    )
    api_version = models.CharField(
        gettext_lazy("API version"),
        max_length=2,
        choices=ApiVersion,
        default=ApiVersion.V5,
        help_text=gettext_lazy("v3 is legacy: Pinterest announced its end for 2023. Use v5."),
    )
    advertiser_id = models.CharField(
        gettext_lazy("advertiser ID"),
        max_length=18,
        validators=[RegexValidator(r"^[0-9]{1,18}\Z", gettext_lazy("Digits only, at most 18."))],
        help_text=gettext_lazy(
            "Also called ad account ID: the number in the URL of Pinterest Ads Manager."
        ),
    )
    conversion_token = SecretField(
        gettext_lazy("conversion token"),
        blank=True,
        default=Secret,
        help_text=gettext_lazy(
            "Ads Manager → Conversions → Conversions API → Set up API. Kept encrypted."
        ),
    )
    app_id = models.CharField(
        gettext_lazy("app ID"),
        max_length=200,
        blank=True,
        help_text=gettext_lazy("The app store's ID of your app, if any."),
    )
    partner_name = models.CharField(
        gettext_lazy("partner name"),
        max_length=100,
        blank=True,
        help_text=gettext_lazy("Only if Pinterest asked you to send one."),
    )
    dedup_key = models.CharField(
        gettext_lazy("dedup key"),
        max_length=100,
        blank=True,
        help_text=gettext_lazy(
            "Path in the event whose value becomes Pinterest's event_id, e.g. "
            "properties.event_id. Blank: the message id. Use what the Pinterest Tag sends, "
            "so that Pinterest counts an event once."
        ),
    )
    default_action_source = models.CharField(
        gettext_lazy("default action source"),
        max_length=20,
        choices=ActionSource,
        default=ActionSource.WEB,
        help_text=gettext_lazy("For events that do not say themselves where they happened."),
    )
    default_country = models.CharField(
        gettext_lazy("default country"),
        max_length=2,
        blank=True,
        validators=[
            RegexValidator(r"^[A-Z]{2}\Z", gettext_lazy("A code of two letters, such as GB."))
        ],
        help_text=gettext_lazy(
            "Where phone numbers without a country code are from, when neither the address nor the "
            "locale of the event names a country: a code or a name, such as GB. Blank: unknown; such "
            "a number is sent as its digits, with a warning."
        ),
    )
    unmapped_events = models.CharField(
        gettext_lazy("unmapped events"),
        max_length=20,
        choices=UnmappedEvents,
        default=UnmappedEvents.BY_NAME,
        help_text=gettext_lazy(
            "Track events that neither the event map nor the built-in table knows."
        ),
    )
    send_external_id = models.BooleanField(
        gettext_lazy("send external ID"),
        default=True,
        help_text=gettext_lazy("Send the hashed user ID. Pinterest recommends it on all events."),
    )
    test_mode = models.BooleanField(
        gettext_lazy("test mode"),
        default=False,
        help_text=gettext_lazy(
            "Pinterest checks the conversions and records nothing (at most 20 a request)."
        ),
    )
    max_age_hours = models.PositiveIntegerField(
        gettext_lazy("age limit (hours)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=gettext_lazy(
            "Older events are filtered. Pinterest takes 7 days (168). Blank: no limit."
        ),
    )
    concurrency_limit = models.PositiveSmallIntegerField(
        gettext_lazy("concurrency limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=gettext_lazy("Requests in flight at once. Blank: the server's default."),
    )
    sources = models.ManyToManyField(
        Source, verbose_name=gettext_lazy("sources"), blank=True, related_name="destinations"
    )
    enabled = models.BooleanField(
        gettext_lazy("enabled"),
        default=True,
        help_text=gettext_lazy(
            "Off: new events make no deliveries here. What waits already goes out once it is on again."
        ),
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_code = models.CharField(max_length=50, blank=True, editable=False)
    paused_reason = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = DestinationQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("destination")
        verbose_name_plural = gettext_lazy("destinations")
        ordering = ("name",)
        permissions = [("operate_destination", "Can pause and resume destinations")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(paused_at__isnull=False) | models.Q(paused_reason=""),
                name="destination_reason_only_when_paused",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.api_version == self.ApiVersion.V5 and not self.conversion_token:
            raise ValidationError(
                {
                    "conversion_token": gettext(
                        "API v5 needs a conversion token (Ads Manager → Conversions)."
                    )
                }
            )

    def transform_config(
        self, event_map: tuple[tuple[str, str], ...] | None = None
    ) -> TransformConfig:
        """How the pure transform sees this destination.

        Reads the event map (one query) unless other rows (from, to) are given to be tried.
        """
        if event_map is None:
            event_map = tuple(
                (row.source_event_name, row.pinterest_event_name)
                for row in self.event_mappings.all()
            )
        return TransformConfig(
            destination_name=self.name,
            api_version=self.api_version,
            advertiser_id=self.advertiser_id,
            app_id=self.app_id,
            partner_name=self.partner_name,
            dedup_key=self.dedup_key,
            default_action_source=self.default_action_source,
            default_country=self.default_country,
            unmapped_events=self.unmapped_events,
            send_external_id=self.send_external_id,
            max_age_seconds=self.max_age_hours * 3600 if self.max_age_hours else None,
            event_map=event_map,
        )


class EventMapping(models.Model):
    """Under which Pinterest event name does a destination send a source's event?"""

    destination = models.ForeignKey(
        Destination, on_delete=models.CASCADE, related_name="event_mappings"
    )
    source_event_name = models.CharField(
        gettext_lazy("your event"),
        max_length=255,
        validators=[MaxLengthValidator(255)],
        help_text=gettext_lazy("Compared without regard to case and outer spaces."),
    )
    pinterest_event_name = models.CharField(
        gettext_lazy("Pinterest event"), max_length=100, validators=[EVENT_NAME_VALIDATOR]
    )

    class Meta:
        verbose_name = gettext_lazy("event mapping")
        verbose_name_plural = gettext_lazy("event mappings")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                "destination",
                Lower(Trim("source_event_name")),
                "pinterest_event_name",
                name="event_mapping_once",
                violation_error_message=gettext_lazy("This mapping is already in the list."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_event_name} → {self.pinterest_event_name}"


class ConnectionCheck(models.Model):
    """What did the last check of a destination's token and account come to?"""

    class Verdict(models.TextChoices):
        FINE = "fine", gettext_lazy("Fine")
        BAD_TOKEN = "bad_token", gettext_lazy("Token not accepted")
        FORBIDDEN_ACCOUNT = "forbidden_account", gettext_lazy("Account not permitted")
        UNKNOWN_ACCOUNT = "unknown_account", gettext_lazy("No such account")
        UNREACHABLE = "unreachable", gettext_lazy("Not reachable")
        BUSY = "busy", gettext_lazy("Busy or faulty")
        UNCLEAR = "unclear", gettext_lazy("Unexpected answer")
        UNREADABLE_TOKEN = "unreadable_token", gettext_lazy("Token not readable")

    destination = models.OneToOneField(
        Destination, on_delete=models.CASCADE, primary_key=True, related_name="connection_check"
    )
    checked_at = models.DateTimeField()
    verdict = models.CharField(max_length=20, choices=Verdict)
    detail = models.TextField(blank=True, help_text=gettext_lazy("The service's own sentence."))
    status_code = models.PositiveSmallIntegerField(
        null=True, help_text=gettext_lazy("NULL: no answer came.")
    )

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} ({self.checked_at:%Y-%m-%d %H:%M})"
