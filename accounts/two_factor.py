"""The second factor of a person: a code of an app (TOTP, RFC 6238), or a recovery code.

A code counts once, and so does a recovery code; both are taken under a lock of the person's row.
Wrong codes are counted in that row as well as by the throttle of signing in: guessing gets no
further while Redis is down, or from many addresses at once.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote, urlencode

from django.db import transaction
from django_otp.oath import TOTP

from accounts.models import TwoFactor
from destinations.secrets import SecretUnreadable

logger = logging.getLogger(__name__)

SECRET_BYTES = 20
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10  # 80 bits: nobody guesses one, so a plain hash is enough
MAX_WRONG = 10
"""So many wrong codes of one person are looked at in WRONG_WINDOW, from wherever they come."""
WRONG_WINDOW = timedelta(minutes=15)

_APP_CODE = re.compile(r"[0-9]{6}")
_NEIGHBOURING_STEPS = 1  # half a minute early or late: clocks differ


class CodeCheck(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    TOO_MANY = "too many"
    """Too many wrong ones before: this one was not looked at."""


def make_secret() -> str:
    """A new secret, in base32 as people type it into an app: 32 characters."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def app_url(secret: str, name: str, host: str) -> str:
    """What the QR code says: the ``otpauth`` URL that authenticator apps understand."""
    issuer = f"CAPI Relay {host}".replace(":", " ")  # the colon divides issuer and name
    query = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(name, safe='')}?{query}"


def find_two_factor(user: object) -> TwoFactor | None:
    """The person's second factor, or None while it is off. No query for a user of a request."""
    found = getattr(user, "two_factor", None)
    return found if isinstance(found, TwoFactor) else None


def turn_on(user_id: int, secret: str, typed: str, now: datetime) -> list[str] | None:
    """Turn it on once ``typed`` proves that the person's app knows ``secret``.

    Returns the recovery codes, which can never be read again; None for a wrong code, and when it
    was on already.
    """
    step = _step_of(secret, _without_spaces(typed), -1, now)
    if step is None:
        return None
    codes = _make_recovery_codes()
    _, is_new = TwoFactor.objects.get_or_create(
        user_id=user_id,
        defaults={
            "secret": secret,
            "turned_on_at": now,
            "last_step": step,
            "recovery_digests": _digests(codes),
        },
    )
    return codes if is_new else None


def turn_off(user_id: int) -> bool:
    """Forget the person's second factor. False: there was none."""
    return bool(TwoFactor.objects.filter(user_id=user_id).delete()[0])


def check_code(user_id: int, typed: str, now: datetime) -> CodeCheck:
    """Judge a code of the app or a recovery code, and use it up when it is right."""
    with transaction.atomic():
        row = TwoFactor.objects.select_for_update().filter(user_id=user_id).first()
        if row is None:
            return CodeCheck.WRONG
        if row.wrong_since is None or now - row.wrong_since >= WRONG_WINDOW:
            row.wrong_count, row.wrong_since = 0, now
        if row.wrong_count >= MAX_WRONG:
            return CodeCheck.TOO_MANY
        is_right = _use_up(row, _without_spaces(typed), now)
        row.wrong_count = 0 if is_right else row.wrong_count + 1
        row.save(update_fields=["last_step", "recovery_digests", "wrong_count", "wrong_since"])
        return CodeCheck.RIGHT if is_right else CodeCheck.WRONG


def renew_recovery_codes(user_id: int) -> list[str]:
    """New recovery codes; the old ones open nothing any more."""
    codes = _make_recovery_codes()
    TwoFactor.objects.filter(user_id=user_id).update(recovery_digests=_digests(codes))
    return codes


def _use_up(row: TwoFactor, code: str, now: datetime) -> bool:
    if not _APP_CODE.fullmatch(code):
        digest = _digests([code])[0]
        if digest not in row.recovery_digests:
            return False
        row.recovery_digests = [one for one in row.recovery_digests if one != digest]
        return True
    try:
        secret = row.secret.reveal()
    except SecretUnreadable:
        logger.error("Can't decrypt a two-factor secret with TOKEN_ENCRYPTION_KEYS.")
        return False
    step = _step_of(secret, code, row.last_step, now)
    if step is not None:
        row.last_step = step
    return step is not None


def _step_of(secret: str, code: str, last_step: int, now: datetime) -> int | None:
    """The time step that ``code`` belongs to, if it is a present one after ``last_step``."""
    if not _APP_CODE.fullmatch(code):
        return None
    totp = TOTP(base64.b32decode(secret))
    totp.time = now.timestamp()
    if not totp.verify(int(code), _NEIGHBOURING_STEPS, last_step + 1):
        return None
    return int(totp.t())


def _without_spaces(typed: str) -> str:
    """As it was made: people type what they see, with spaces, dashes and capitals."""
    return re.sub(r"[\s-]", "", typed).lower()


def _make_recovery_codes() -> list[str]:
    """``abcd-efgh-ijkl-mnop``: letters and digits that cannot be taken for each other."""
    plain = [
        base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
        for _ in range(RECOVERY_CODES)
    ]
    return ["-".join(re.findall("....", code)) for code in plain]


def _digests(codes: Sequence[str]) -> list[str]:
    return [hashlib.sha256(_without_spaces(code).encode()).hexdigest() for code in codes]
