"""The services that a message can go to: only these, and what each needs.

``build`` makes an object of Apprise's own class for the service; nobody enters an Apprise URL, so
no other service, and no option of these that isn't here, can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
from django.utils.translation import gettext, gettext_lazy

from deliveries.alerts.guard import find_address
from deliveries.alerts.models import Channel
from destinations.secrets import Secret

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

WEBHOOK = "webhook"
LEAST_SECRET_CHARACTERS = 16


class Unusable(Exception):
    """What was entered can't be used; the text is for people."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something a person enters for a channel. Secrets are stored encrypted and never shown."""

    key: str
    label: StrOrPromise
    help: StrOrPromise = ""
    is_secret: bool = False
    is_optional: bool = False
    choices: tuple[tuple[str, StrOrPromise], ...] = ()
    initial: str = ""


Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Service:
    """``plugin``: Apprise's module and class. ``url``: its URL for the values and a message's key.

    ``host``: what a person entered to connect to, with its port; None for a service's own host.
    """

    title: str
    entries: tuple[Entry, ...]
    plugin: tuple[str, str] = ("", "")
    url: Callable[[Values, str], str] = lambda values, key: ""
    host: Callable[[Values], tuple[str, int] | None] = lambda values: None
    is_native: bool = False


def _q(text: str) -> str:
    return quote(text, safe="")


def _mail_url(values: Values, key: str) -> str:
    user = ""
    if values.get("username"):
        user = f"{_q(values['username'])}:{_q(values.get('password', ''))}@"
    mode = values.get("security") or "starttls"
    scheme = "mailto" if mode == "insecure" else "mailtos"
    query = {
        "smtp": values["server"],
        "from": values["sender"],
        "mode": mode,
        "name": "CAPI Relay",
        "format": "text",
        "+X-Message-Key": key,
    }
    to = "/".join(_q(one.strip()) for one in values["recipients"].split(",") if one.strip())
    return f"{scheme}://{user}{values['server']}:{_port(values)}/{to}/?{urlencode(query)}"


def _port(values: Values) -> int:
    try:
        port = int(values.get("port") or 587)
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise Unusable(gettext("The port must be a number from 1 to 65535."))
    return port


def _ntfy_parts(values: Values) -> tuple[str, str, int]:
    parts = urlsplit(values.get("server") or "https://ntfy.sh")
    if parts.scheme != "https" or not parts.hostname:
        raise Unusable(gettext("The server must start with https://."))
    return parts.hostname, f":{parts.port}" if parts.port else "", parts.port or 443


def _ntfy_url(values: Values, key: str) -> str:
    host, port, _ = _ntfy_parts(values)
    token = f"{_q(values['token'])}@" if values.get("token") else ""
    query = {"mode": "private", **({"auth": "token"} if token else {})}
    return f"ntfys://{token}{host}{port}/{_q(values['topic'])}/?{urlencode(query)}"


_WEBHOOK_URL = gettext_lazy("webhook URL")


def _one_url(help: StrOrPromise) -> tuple[Entry, ...]:
    return (Entry("url", _WEBHOOK_URL, help, is_secret=True),)


SERVICES: dict[str, Service] = {
    "email": Service(
        "Email",
        (
            Entry("recipients", gettext_lazy("recipients"), gettext_lazy("Separate with commas.")),
            Entry(
                "sender", gettext_lazy("sender"), gettext_lazy("An address your server accepts.")
            ),
            Entry("server", gettext_lazy("SMTP server"), gettext_lazy("Such as smtp.example.com.")),
            Entry("port", gettext_lazy("port"), initial="587"),
            Entry(
                "security",
                gettext_lazy("encryption"),
                choices=(
                    ("starttls", "STARTTLS"),
                    ("ssl", "TLS"),
                    ("insecure", gettext_lazy("None")),
                ),
                initial="starttls",
            ),
            Entry("username", gettext_lazy("username"), is_optional=True),
            Entry("password", gettext_lazy("password"), is_secret=True, is_optional=True),
        ),
        ("email", "NotifyEmail"),
        _mail_url,
        lambda values: (values["server"], _port(values)),
    ),
    "slack": Service(
        "Slack",
        _one_url(gettext_lazy("Starts with https://hooks.slack.com/services/.")),
        ("slack", "NotifySlack"),
        lambda values, key: values["url"],
        is_native=True,
    ),
    "teams": Service(
        "Microsoft Teams",
        _one_url(gettext_lazy("From the Workflows app: “Send webhook alerts to a channel”.")),
        ("workflows", "NotifyWorkflows"),
        lambda values, key: values["url"],
        is_native=True,
    ),
    "google_chat": Service(
        "Google Chat",
        _one_url(gettext_lazy("Starts with https://chat.googleapis.com/.")),
        ("google_chat", "NotifyGoogleChat"),
        lambda values, key: values["url"],
        is_native=True,
    ),
    "discord": Service(
        "Discord",
        _one_url(gettext_lazy("Starts with https://discord.com/api/webhooks/.")),
        ("discord", "NotifyDiscord"),
        lambda values, key: values["url"],
        is_native=True,
    ),
    "pagerduty": Service(
        "PagerDuty",
        (
            Entry(
                "key",
                gettext_lazy("integration key"),
                gettext_lazy("Of an Events API v2 integration."),
                is_secret=True,
            ),
            Entry(
                "region", gettext_lazy("region"), choices=(("us", "US"), ("eu", "EU")), initial="us"
            ),
        ),
        ("pagerduty", "NotifyPagerDuty"),
        lambda values, key: (
            f"pagerduty://{_q(values['key'])}@{_q(values['key'])}/capi-relay/alerts?"
            + urlencode({"region": values.get("region") or "us", "action": "map", "dedup": key})
        ),
    ),
    "opsgenie": Service(
        "Opsgenie",
        (
            Entry("key", gettext_lazy("API key"), is_secret=True),
            Entry(
                "region", gettext_lazy("region"), choices=(("us", "US"), ("eu", "EU")), initial="us"
            ),
        ),
        ("opsgenie", "NotifyOpsgenie"),
        lambda values, key: (
            f"opsgenie://{_q(values['key'])}/?"
            + urlencode({"region": values.get("region") or "us", "action": "map", "alias": key})
        ),
    ),
    "ntfy": Service(
        "ntfy",
        (
            Entry("server", gettext_lazy("server"), initial="https://ntfy.sh"),
            Entry("topic", gettext_lazy("topic"), is_secret=True),
            Entry("token", gettext_lazy("access token"), is_secret=True, is_optional=True),
        ),
        ("ntfy", "NotifyNtfy"),
        _ntfy_url,
        lambda values: (_ntfy_parts(values)[0], _ntfy_parts(values)[2]),
    ),
    "telegram": Service(
        "Telegram",
        (
            Entry("token", gettext_lazy("bot token"), is_secret=True),
            Entry("chat", gettext_lazy("chat ID"), gettext_lazy("A number, or @channel.")),
        ),
        ("telegram", "NotifyTelegram"),
        lambda values, key: f"tgram://{values['token']}/{_q(values['chat'])}/",
    ),
    WEBHOOK: Service(
        "Webhook",
        (
            Entry("url", "URL", gettext_lazy("Starts with https://."), is_secret=True),
            Entry(
                "secret",
                gettext_lazy("signing secret"),
                gettext_lazy("At least 16 characters. Requests are signed with it."),
                is_secret=True,
            ),
        ),
    ),
}
"""Kind of a channel → its service."""


def values_of(channel: Channel) -> dict[str, str]:
    """Everything that was entered, decrypted. Raises SecretUnreadable."""
    secret = channel.secrets.reveal()
    return {**channel.options, **(orjson.loads(secret) if secret else {})}


def seal(secrets: Mapping[str, str]) -> Secret:
    return Secret.seal(orjson.dumps(dict(secrets)).decode())


def secrets_of(channel: Channel) -> list[str]:
    """What no answer may show."""
    values = values_of(channel)
    entries = SERVICES[channel.kind].entries
    return [values[one.key] for one in entries if one.is_secret and values.get(one.key)]


def build(channel: Channel, key: str) -> Any:
    """Apprise's object for the channel. Raises Unusable, guard.Refused, or SecretUnreadable.

    ``key``: the alert's, under which PagerDuty and Opsgenie keep one incident.
    """
    service = SERVICES[channel.kind]
    values = values_of(channel)
    if missing := [
        one for one in service.entries if not one.is_optional and not values.get(one.key)
    ]:
        raise Unusable(gettext("Enter the %(name)s.") % {"name": missing[0].label})
    if (target := service.host(values)) is not None:
        find_address(*target)
    from apprise import AppriseAsset

    module, name = service.plugin
    plugin = getattr(import_module(f"apprise.plugins.{module}"), name)
    url = service.url(values, key)
    parsed = plugin.parse_native_url(url) if service.is_native else plugin.parse_url(url)
    if not parsed:
        raise Unusable(gettext("This isn't a webhook URL of %(name)s.") % {"name": service.title})
    asset = AppriseAsset(app_id="CAPI Relay", app_desc="CAPI Relay", http_redirects=False)
    try:
        return plugin(**parsed, asset=asset)
    except TypeError:  # what Apprise raises for a value it can't use; its text may hold that
        raise Unusable(
            gettext("%(name)s can't use these values.") % {"name": service.title}
        ) from None
