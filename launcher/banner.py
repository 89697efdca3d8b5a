"""What `bin/run` prints once it's up: the address, how to sign in, how to send a first event."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from launcher.commands import Options, is_loopback

FIRST_EVENT = {
    "userId": "customer-1",
    "event": "Order Completed",
    "properties": {
        "event_id": "eventIDordercompleted",
        "order_id": "transactionId",
        "value": 35.00,
        "revenue": 31.98,
        "currency": "USD",
        "products": [
            {
                "product_id": "123454387",
                "price": 3.00,
                "quantity": 2,
                "currency": "USD",
                "position": 1,
                "value": 6.00,
            }
        ],
    },
    "context": {
        "traits": {
            "email": "alex@example.com",
            "lastname": "Keener",
            "firstname": "Alex",
            "action_source": "offline",
        }
    },
}


def connect_host(host: str) -> str:
    """Where a client on this machine reaches a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def base_url(options: Options, url_prefix: str) -> str:
    """The URL below which everything is served, without a slash at the end."""
    host = connect_host(options.host)
    address = f"[{host}]" if ":" in host else host
    return f"http://{address}:{options.port}" + (f"/{url_prefix}" if url_prefix else "")


def curl_line(url: str, write_key: str) -> str:
    """One line for a shell that posts FIRST_EVENT."""
    return " ".join(
        [
            f"curl -u {shlex.quote(write_key + ':')} {url}/v1/track",
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(json.dumps(FIRST_EVENT, separators=(',', ':')))}",
        ]
    )


@dataclass(frozen=True, slots=True)
class Demo:
    """What to print about the demo source; ``write_key`` is "" when there is none to try."""

    write_key: str
    was_replaced: bool = False
    """This key has just replaced the well-known one."""
    is_guessable: bool = False
    """Others can reach the server, and a source with the well-known key sends to a real ad
    account."""


def banner(options: Options, settings: Any, admin: Any, demo: Demo) -> list[str]:
    """The lines to print. ``admin`` is the FirstAdmin just made, or None; its password may show."""
    url = base_url(options, settings.URL_PREFIX)
    if admin is None:
        login = "existing account (reset: .venv/bin/python manage.py changepassword NAME)"
    elif admin.password:
        login = f"{admin.username}, password {admin.password} (shown only once)"
    else:
        login = f"{admin.username}, password from DJANGO_SUPERUSER_PASSWORD"
    database = "PostgreSQL" if settings.DATABASE_URL.startswith("postgres") else "SQLite"
    broker = settings.CELERY_BROKER_URL.partition(":")[0].replace("filesystem", "files")
    lines = [
        "",
        f"CAPI Relay {settings.VERSION} is running with {database} as its database and {broker} "
        f"as its broker.",
        f"  Admin      {url}/admin/",
        f"  Sign in    {login}",
    ]
    if demo.write_key:
        lines.append(f"  Write key  {demo.write_key}")
    lines.append(f"  Data       {settings.DATA_DIR}")
    if not is_loopback(options.host):
        lines += [
            "",
            "  Other machines can connect. It responds to the host names in ALLOWED_HOSTS:",
        ]
        lines += ["  set ALLOWED_HOSTS=relay.example.com,… to your own."]
    if demo.was_replaced:
        lines += [
            "",
            "  The demo source has a new write key, because others can now reach the server",
        ]
        lines += [
            "  and the old key is publicly known. Use the new one wherever you send to the demo "
            "source."
        ]
    if demo.is_guessable:
        lines += [
            "",
            "  WARNING: anybody can send events to your ad account. A source has the",
        ]
        lines += ["  publicly known write key demo-write-key. Rotate it in the admin (Sources, the"]
        lines += ["  source, Rotate the write key) and use the new one in your site or app."]
    if demo.write_key:
        lines += ["", "Send a first event, then open the delivery log in the admin:", ""]
        lines += [curl_line(url, demo.write_key)]
    return [*lines, "", "Press Ctrl-C to stop everything.", ""]
