"""What a destination decides about its conversions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .bot_gate import BotGate
from .cleaning import clean
from .consent_gate import ConsentBlock, ConsentGate
from .event import split_path
from .event_names import target_name
from .gates import Gates
from .integrations import integration_names
from .rule_gate import EventRule, RuleGate

ACTION_SOURCES = ("web", "app_ios", "app_android", "offline")
"""https://developers.pinterest.com/docs/api/v5/events-create/, action_source."""

UNMAPPED_CHOICES = ("by_name", "as_custom", "filter")

# What names a person: a dedup key that ends in one sends it to Pinterest unhashed.
_PERSONAL_KEYS = frozenset(
    {
        "email",
        "phone",
        "gender",
        "birthday",
        "dateofbirth",
        "dob",
        "lastname",
        "last_name",
        "firstname",
        "first_name",
        "city",
        "state",
        "zip",
        "postalcode",
        "postal_code",
        "country",
        "advertisingid",
        "idfa",
        "aaid",
    }
)


@dataclass(frozen=True, slots=True)
class TransformConfig:
    """One destination's choices. Hashable; build it once per destination and keep it.

    ``unmapped_events`` is one of ``UNMAPPED_CHOICES``, ``default_action_source`` one of
    ``ACTION_SOURCES``. ``default_country``, alpha-2 or "", is where phone numbers without a
    country code are from when the event names no country. ``event_map`` holds (from, to) pairs;
    several rows with the same ``from`` give several conversions of one event.

    The gates (docs/consent.md): ``consent_mode`` is one of ``CONSENT_MODES``, ``us_privacy`` of
    ``US_PRIVACY_CHOICES``, ``event_list`` of ``EVENT_LIST_CHOICES``, ``bots`` of ``BOT_CHOICES``,
    and
    ``unmatched_events`` is send or filter. ``drops_unconsented``: of events without consent
    nothing is kept. ``sends_after_consent``: they are sent once their person grants it.
    """

    destination_name: str = ""
    api_version: str = "v5"
    advertiser_id: str = ""
    app_id: str = ""
    partner_name: str = ""
    dedup_key: str = ""
    default_action_source: str = "web"
    default_country: str = ""
    unmapped_events: str = "by_name"
    send_external_id: bool = True
    max_age_seconds: int | None = None
    event_map: tuple[tuple[str, str], ...] = ()
    consent_mode: str = "off"
    consent_categories: tuple[ConsentBlock, ...] = ()
    us_privacy: str = "ignore"
    drops_unconsented: bool = False
    sends_after_consent: bool = False
    event_rules: tuple[EventRule, ...] = ()
    unmatched_events: str = "send"
    event_list: str = "off"
    listed_events: tuple[str, ...] = ()
    bots: str = "send"

    # Prepared once: what an event costs must not grow with the event map.
    targets: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    dedup_steps: tuple[str, ...] = field(init=False, repr=False, compare=False)
    dedup_is_personal: bool = field(init=False, repr=False, compare=False)
    integration_names: frozenset[str] = field(init=False, repr=False, compare=False)
    # None when every event passes: then they cost nothing.
    gates: Gates | None = field(init=False, repr=False, compare=False)
    once_granted: TransformConfig | None = field(init=False, repr=False, compare=False)
    """For events whose person granted consent later; None where nothing waits for that."""

    def __post_init__(self) -> None:
        steps = split_path(self.dedup_key)
        prepare = object.__setattr__
        for name in ("app_id", "advertiser_id", "partner_name"):
            prepare(self, name, getattr(self, name).strip())
        prepare(self, "default_country", self.default_country.strip().lower())
        prepare(self, "targets", _targets_by_name(self.event_map))
        prepare(self, "dedup_steps", steps)
        prepare(self, "dedup_is_personal", not _PERSONAL_KEYS.isdisjoint(map(str.lower, steps)))
        prepare(self, "integration_names", integration_names(self.destination_name))
        prepare(self, "gates", _gates_of(self))
        waits = self.sends_after_consent and self.consent_mode != "off"
        prepare(
            self,
            "once_granted",
            # What is not kept cannot be sent later. An opt-out of US law is not lifted by consent.
            replace(self, consent_mode="off") if waits and not self.drops_unconsented else None,
        )


def _gates_of(config: TransformConfig) -> Gates | None:
    asks_consent = config.consent_mode != "off" or config.us_privacy != "ignore"
    has_rules = bool(config.event_rules) or config.event_list != "off"
    if not asks_consent and not has_rules and config.bots == "send":
        return None
    return Gates(
        ConsentGate(config.consent_mode, config.consent_categories, config.us_privacy)
        if asks_consent
        else None,
        RuleGate(
            config.event_rules, config.unmatched_events, config.event_list, config.listed_events
        )
        if has_rules
        else None,
        None if config.bots == "send" else BotGate(config.bots),
    )


def _targets_by_name(event_map: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, ...]]:
    """Folded event name → the Pinterest names of its rows, each once, in order."""
    targets: dict[str, dict[str, None]] = {}
    for source, target in event_map:
        key, name = clean(source).casefold(), target_name(target)
        if key and name:
            targets.setdefault(key, {})[name] = None
    return {key: tuple(names) for key, names in targets.items()}
