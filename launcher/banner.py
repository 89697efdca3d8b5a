"""What `bin/run` says once it is up: where to look, how to log in, how to send a first event."""

from __future__ import annotations

import json
import shlex
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


def greeting(options: Options, settings: Any, admin: Any, demo_write_key: str) -> list[str]:
    """The lines to print. ``admin`` is the FirstAdmin just made, or None; its password may show."""
    url = base_url(options, settings.URL_PREFIX)
    if admin is None:
        login = "as before (forgotten: .venv/bin/python manage.py changepassword NAME)"
    elif admin.password:
        login = f"{admin.username}, password {admin.password} (shown this once)"
    else:
        login = f"{admin.username}, password as in DJANGO_SUPERUSER_PASSWORD"
    database = "PostgreSQL" if settings.DATABASE_URL.startswith("postgres") else "SQLite"
    broker = settings.CELERY_BROKER_URL.partition(":")[0].replace("filesystem", "files")
    lines = [
        "",
        f"CAPI Relay {settings.VERSION} is running on {database}, with {broker} as its broker.",
        f"  Admin      {url}/admin/",
        f"  Login      {login}",
    ]
    if demo_write_key:
        lines.append(f"  Write key  {demo_write_key}")
    lines.append(f"  Data       {settings.DATA_DIR}")
    if not is_loopback(options.host):
        lines += ["", "  Other machines can reach it. It answers to the names in ALLOWED_HOSTS;"]
        lines += ["  set ALLOWED_HOSTS=relay.example.com,… for those it should have."]
    if demo_write_key:
        lines += ["", "Send a first event, and look at the delivery log in the admin:", ""]
        lines += [curl_line(url, demo_write_key)]
    return [*lines, "", "Ctrl-C stops everything.", ""]
