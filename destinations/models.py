"""Where events come from (Source) and go to (Destination, EventMapping)."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Self, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from destinations.key_models import FormerWriteKey, UnknownWriteKey
from destinations.pinterest.consent_gate import CategoryError, read_categories
from destinations.pinterest.rule_gate import Condition, EventRule, RuleRow, rules_of
from destinations.pinterest.transform import TransformConfig
from destinations.row_models import (
    EVENT_NAME_VALIDATOR,
    ConnectionCheck,
    EventMapping,
    EventRuleRow,
)
from destinations.secrets import Secret, SecretField

__all__ = [
    "EVENT_NAME_VALIDATOR",
    "ConnectionCheck",
    "Destination",
    "DestinationQuerySet",
    "EventMapping",
    "EventRuleRow",
    "FormerWriteKey",
    "Source",
    "UnknownWriteKey",
    "generate_write_key",
]


Row = TypeVar("Row", bound=models.Model)
UNKEPT_OR_LATER = ("sends_after_consent", "drops_unconsented")
"""What isn't kept can't be sent later: at most one of them is on."""


def validate_categories(text: str) -> None:
    """Raises ValidationError that names the line that isn't “provider: ID, ID”."""
    try:
        read_categories(text)
    except CategoryError as error:
        raise ValidationError(
            gettext("Line %(line)s isn't a provider, a colon and IDs, such as oneTrust: C0002."),
            params={"line": error.line},
        ) from error


def generate_write_key() -> str:
    """A new credential for a source: 27 URL-safe characters, 160 random bits."""
    return secrets.token_urlsafe(20)


class ArchivableQuerySet(models.QuerySet[Row]):
    def active(self) -> Self:
        """Not archived."""
        return self.filter(archived_at__isnull=True)


class Source(models.Model):
    """Which site or app sends us events, and with which key?"""

    class IdentityMemory(models.TextChoices):
        OFF = "off", gettext_lazy("Off")
        ON = "on", gettext_lazy("On")
        WITH_ADDRESS = "with_address", gettext_lazy("On, with IP address and user agent")

    name = models.CharField(
        gettext_lazy("name"),
        max_length=100,
        unique=True,
        help_text=gettext_lazy("A name for this website or app."),
    )
    write_key = models.CharField(
        gettext_lazy("write key"),
        max_length=100,
        unique=True,
        default=generate_write_key,
        validators=[
            RegexValidator(r"^[\x21-\x39\x3b-\x7e]+\Z", gettext_lazy("Don't use spaces or colons."))
        ],
        help_text=gettext_lazy(
            "The key SDKs authenticate with. Anyone who has it can send events as this source."
        ),
    )
    enabled = models.BooleanField(
        gettext_lazy("enabled"),
        default=True,
        help_text=gettext_lazy("When off, its events are rejected with a 404."),
    )
    allowed_origins = models.TextField(
        gettext_lazy("allowed origins"),
        blank=True,
        help_text=gettext_lazy(
            "Websites that may send events to this source, one per line "
            "(https://www.example.com). Leave blank to allow any origin. This stops "
            "other websites but not scripts: anyone with the key can send events without "
            "a browser."
        ),
    )
    is_public = models.BooleanField(
        gettext_lazy("public write key"),
        default=False,
        db_default=False,  # what runs the release before may add a source
        help_text=gettext_lazy(
            "Turn on if the key is in a website or app, where anyone can read it. Each visitor is "
            "then rate limited, and what is sent with it never replaces what a source with a "
            "secret "
            "key said about a person. Use a separate source for your server."
        ),
    )
    identity_memory = models.CharField(
        gettext_lazy("identity memory"),
        max_length=20,
        choices=IdentityMemory,
        default=IdentityMemory.ON,
        db_default=IdentityMemory.OFF,  # sources from before, and what the release before adds
        help_text=gettext_lazy(
            "Remembers what a person's events said, hashed, and completes later events that say "
            "less. "
            "Events that deny consent aren't remembered."
        ),
    )
    identity_space = models.CharField(
        gettext_lazy("identity space"),
        max_length=100,
        blank=True,
        db_default="",
        help_text=gettext_lazy(
            "Sources with the same identity space share what's known about a person, e.g. your "
            "website "
            "and your server. Leave blank to keep this source on its own."
        ),
    )
    rate_limit_per_second = models.PositiveIntegerField(
        gettext_lazy("rate limit per second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=gettext_lazy(
            "Maximum requests per second, and 100 times as many events. Above it, "
            "senders get a 429 and retry later. Leave blank for no limit."
        ),
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ArchivableQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("source")
        verbose_name_plural = gettext_lazy("sources")
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(archived_at__isnull=True) | models.Q(enabled=False),
                name="source_archived_is_off",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def space(self) -> str | None:
        """The identity space in which people are remembered; None when nothing is."""
        return None if self.identity_memory == self.IdentityMemory.OFF else self.space_when_on

    @property
    def space_when_on(self) -> str:
        """Its identity space, whether it remembers or not."""
        # A name that people choose cannot be that of a source alone.
        return f"={self.identity_space}" if self.identity_space else f"#{self.pk}"


class DestinationQuerySet(ArchivableQuerySet["Destination"]):
    def sendable(self, now: datetime) -> Self:
        """On, not paused, and not held back by a rate limit or after failures."""
        return self.filter(
            models.Q(circuit__hold_until__isnull=True) | models.Q(circuit__hold_until__lte=now),
            enabled=True,
            paused_at__isnull=True,
        )

    def with_rows(self) -> Self:
        """With what ``transform_config`` needs of other tables: a query each for all of them."""
        return self.prefetch_related("event_mappings", "event_rules")


class Destination(models.Model):
    """Which Pinterest ad account gets conversions, and how are they made?"""

    class Service(models.TextChoices):
        PINTEREST = "pinterest", gettext_lazy("Pinterest")
        SANDBOX = "sandbox", gettext_lazy("Sandbox (a local stand-in for Pinterest)")

    class ApiVersion(models.TextChoices):
        V5 = "v5", gettext_lazy("v5")
        V3 = "v3", gettext_lazy("v3 (legacy)")

    class ActionSource(models.TextChoices):
        WEB = "web", gettext_lazy("Website (web)")
        APP_IOS = "app_ios", gettext_lazy("iOS app (app_ios)")
        APP_ANDROID = "app_android", gettext_lazy("Android app (app_android)")
        OFFLINE = "offline", gettext_lazy("Offline, e.g. a store (offline)")

    class UnmappedEvents(models.TextChoices):
        BY_NAME = "by_name", gettext_lazy("Send under their own name (custom event name)")
        AS_CUSTOM = "as_custom", gettext_lazy("Send as the Pinterest event “custom”")
        FILTER = "filter", gettext_lazy("Don't send (filtered)")

    class ConsentMode(models.TextChoices):
        OFF = "off", gettext_lazy("Off")
        AS_SENDER = "as_sender", gettext_lazy("As the sender says")
        STRICT = "strict", gettext_lazy("Strict: only with explicit consent")

    class UsPrivacy(models.TextChoices):
        IGNORE = "ignore", gettext_lazy("No effect")
        LIMIT = "limit", gettext_lazy("Limit data processing (LDP)")
        FILTER = "filter", gettext_lazy("Don't send (filtered)")

    class EventList(models.TextChoices):
        OFF = "off", gettext_lazy("No list")
        ALLOW = "allow", gettext_lazy("Send only these events")
        DENY = "deny", gettext_lazy("Don't send these events")

    class UnmatchedEvents(models.TextChoices):
        SEND = "send", gettext_lazy("Send")
        FILTER = "filter", gettext_lazy("Don't send (filtered)")

    class Bots(models.TextChoices):
        FILTER = "filter", gettext_lazy("Don't send (filtered)")
        MARK = "mark", gettext_lazy("Send with a warning")
        SEND = "send", gettext_lazy("Send")

    name = models.CharField(gettext_lazy("name"), max_length=100, unique=True)
    service = models.CharField(
        gettext_lazy("service"),
        max_length=20,
        choices=Service,
        default=Service.PINTEREST,
        help_text=gettext_lazy("The sandbox responds like Pinterest but doesn't affect your ads."),
    )
    api_version = models.CharField(
        gettext_lazy("API version"),
        max_length=2,
        choices=ApiVersion,
        default=ApiVersion.V5,
        help_text=gettext_lazy(
            "v3 is a legacy version whose end Pinterest announced for 2023. Use v5."
        ),
    )
    advertiser_id = models.CharField(
        gettext_lazy("advertiser ID"),
        max_length=18,
        validators=[RegexValidator(r"^[0-9]{1,18}\Z", gettext_lazy("Use digits only, up to 18."))],
        help_text=gettext_lazy(
            "Also called ad account ID: the number in the Pinterest Ads Manager URL."
        ),
    )
    conversion_token = SecretField(
        gettext_lazy("conversion token"),
        blank=True,
        default=Secret,
        help_text=gettext_lazy(
            "Ads Manager → Conversions → Conversions API → Set up API. Stored encrypted."
        ),
    )
    app_id = models.CharField(
        gettext_lazy("app ID"),
        max_length=200,
        blank=True,
        help_text=gettext_lazy("Your app's ID in the app store, if any."),
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
            "Path in the event to the value for Pinterest's event_id, e.g. "
            "properties.event_id. Leave blank to use the message ID. Use the same value "
            "as your Pinterest Tag, so that Pinterest counts each event once."
        ),
    )
    default_action_source = models.CharField(
        gettext_lazy("default action source"),
        max_length=20,
        choices=ActionSource,
        default=ActionSource.WEB,
        help_text=gettext_lazy("For events that don't say where they happened."),
    )
    default_country = models.CharField(
        gettext_lazy("default country"),
        max_length=2,
        blank=True,
        validators=[
            RegexValidator(r"^[A-Z]{2}\Z", gettext_lazy("Use a two-letter code, such as GB."))
        ],
        help_text=gettext_lazy(
            "For phone numbers without a country code, when the event's address and "
            "locale don't name a country: a code or name, such as GB. If blank, only the "
            "digits are sent, with a warning."
        ),
    )
    unmapped_events = models.CharField(
        gettext_lazy("unmapped events"),
        max_length=20,
        choices=UnmappedEvents,
        default=UnmappedEvents.BY_NAME,
        help_text=gettext_lazy(
            "Track events that are neither in the event map nor in the built-in table."
        ),
    )
    send_external_id = models.BooleanField(
        gettext_lazy("send external ID"),
        default=True,
        help_text=gettext_lazy(
            "Send the hashed user ID. Pinterest recommends this for all events."
        ),
    )
    test_mode = models.BooleanField(
        gettext_lazy("test mode"),
        default=False,
        help_text=gettext_lazy(
            "Pinterest validates events without recording them (up to 20 per request)."
        ),
    )
    max_age_hours = models.PositiveIntegerField(
        gettext_lazy("age limit (hours)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=gettext_lazy(
            "Older events are filtered. Pinterest accepts events for 7 days (168 hours). "
            "Leave blank for no limit."
        ),
    )
    concurrency_limit = models.PositiveSmallIntegerField(
        gettext_lazy("concurrency limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=gettext_lazy("Maximum parallel requests. Leave blank for the server's default."),
    )
    # Consent and filters. Every db_default keeps what destinations from before do, and what the
    # release before adds.
    consent_mode = models.CharField(
        gettext_lazy("consent mode"),
        max_length=20,
        choices=ConsentMode,
        default=ConsentMode.OFF,
        db_default=ConsentMode.OFF,
        help_text=gettext_lazy(
            "Choose whether events need consent. “Strict” also filters events that don't mention "
            "it."
        ),
    )
    consent_categories = models.TextField(
        gettext_lazy("consent categories"),
        blank=True,
        default="",
        db_default="",
        validators=[validate_categories],
        help_text=gettext_lazy(
            "The consent IDs this destination needs, one provider per line, such as oneTrust: "
            "C0002, C0004 or segment: Advertising. If one ID is enough, write custom (or): ads, "
            "analytics. Google Consent Mode works without this."
        ),
    )
    sends_after_consent = models.BooleanField(
        gettext_lazy("send after later consent"),
        default=False,
        db_default=False,
        help_text=gettext_lazy(
            "If a newer event of the same person grants consent within 24 hours, send the events "
            "that were filtered for it. Needs identity memory, which recognizes people by their "
            "IDs: turn it on for the source."
        ),
    )
    drops_unconsented = models.BooleanField(
        gettext_lazy("keep nothing of events without consent"),
        default=False,
        db_default=False,
        help_text=gettext_lazy(
            "Don't store the body of an event that's filtered for consent, unless another "
            "destination sends the event. Without its body, it can't be sent later."
        ),
    )
    us_privacy = models.CharField(
        gettext_lazy("US privacy opt-outs"),
        max_length=20,
        choices=UsPrivacy,
        default=UsPrivacy.IGNORE,
        db_default=UsPrivacy.IGNORE,
        help_text=gettext_lazy(
            "Applies to events with Global Privacy Control or an opt-out in us_privacy. Pinterest "
            "ignores LDP if an event has no state and country."
        ),
    )
    bots = models.CharField(
        gettext_lazy("bots"),
        max_length=20,
        choices=Bots,
        default=Bots.FILTER,
        db_default=Bots.SEND,
        help_text=gettext_lazy(
            "Applies to known crawlers, events that RudderStack marks as a bot's, and web events "
            "without a user agent."
        ),
    )
    event_list = models.CharField(
        gettext_lazy("event list"),
        max_length=20,
        choices=EventList,
        default=EventList.OFF,
        db_default=EventList.OFF,
        help_text=gettext_lazy("Applies to track and screen calls, before the event rules."),
    )
    listed_events = models.TextField(
        gettext_lazy("listed events"),
        blank=True,
        default="",
        db_default="",
        help_text=gettext_lazy("Names of your events, one per line. Case doesn't matter."),
    )
    unmatched_events = models.CharField(
        gettext_lazy("events that match no rule"),
        max_length=20,
        choices=UnmatchedEvents,
        default=UnmatchedEvents.SEND,
        db_default=UnmatchedEvents.SEND,
        help_text=gettext_lazy("Applies if this destination has event rules (see below)."),
    )
    sources = models.ManyToManyField(
        Source, verbose_name=gettext_lazy("sources"), blank=True, related_name="destinations"
    )
    enabled = models.BooleanField(
        gettext_lazy("enabled"),
        default=True,
        help_text=gettext_lazy(
            "When off, new events aren't queued for this destination. Deliveries already "
            "queued are sent once you turn it on."
        ),
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_code = models.CharField(max_length=50, blank=True, editable=False)
    paused_reason = models.TextField(blank=True, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
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
            models.CheckConstraint(
                condition=models.Q(archived_at__isnull=True) | models.Q(enabled=False),
                name="destination_archived_is_off",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.event_list != self.EventList.OFF and not self.listed_events.strip():
            raise ValidationError(
                {"listed_events": gettext("Enter event names, or choose “No list”.")}
            )
        if self.sends_after_consent and self.drops_unconsented:
            message = gettext(
                "An event can't be sent later if its body isn't stored. Turn off one of the two."
            )
            raise ValidationError(dict.fromkeys(UNKEPT_OR_LATER, message))
        needs_token = self.enabled and self.api_version == self.ApiVersion.V5
        if needs_token and not self.conversion_token:
            raise ValidationError(
                {
                    "conversion_token": gettext(
                        "API v5 requires a conversion token (Ads Manager → Conversions)."
                    )
                }
            )

    def transform_config(
        self,
        event_map: tuple[tuple[str, str], ...] | None = None,
        event_rules: tuple[EventRule, ...] | None = None,
    ) -> TransformConfig:
        """How the pure transform sees this destination.

        Reads the event map and the event rules (a query each, unless ``with_rows`` has read them)
        where no other rows are given to be tried.
        """
        if event_rules is None:
            event_rules = rules_of(
                RuleRow(row.action, Condition(row.path, row.operator, row.value))
                for row in self.event_rules.all()
            )
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
            consent_mode=self.consent_mode,
            consent_categories=read_categories(self.consent_categories),
            us_privacy=self.us_privacy,
            drops_unconsented=self.drops_unconsented,
            sends_after_consent=self.sends_after_consent,
            event_rules=event_rules,
            unmatched_events=self.unmatched_events,
            event_list=self.event_list,
            listed_events=tuple(self.listed_events.splitlines()),
            bots=self.bots,
        )
