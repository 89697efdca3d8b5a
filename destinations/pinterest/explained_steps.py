"""What was done to a value on its way from an event into a conversion, told by its two ends.

The transform keeps no record of it, for that would cost every event. Whoever looks at one delivery
compares the value that came with the one that was sent; of a digest, the digest of what its row of
the mapping makes of the value.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from .cleaning import clean
from .digests import DIGEST_LENGTH, HashedField, digest_of
from .normalise import Repaired
from .values import decimal_text


class Step(StrEnum):
    """One thing that was done to a value."""

    TRIMMED = "trimmed"
    LOWERCASED = "lowercased"
    UPPERCASED = "uppercased"
    PUNCTUATION = "punctuation"
    COUNTRY_CODE = "country_code"
    CONVERTED = "converted"
    SEVERAL_FORMS = "several_forms"
    HASHED = "hashed"
    ALREADY_HASHED = "already_hashed"
    AS_TEXT = "as_text"
    AS_NUMBER = "as_number"
    UNIX_TIME = "unix_time"
    CLOCK_CORRECTED = "clock_corrected"
    FROM_URL = "from_url"
    INVERTED = "inverted"
    EMAILS_ONLY = "emails_only"
    LIMITED = "limited"
    EVENT_MAP = "event_map"
    STANDARD = "standard"
    OWN_NAME = "own_name"
    AS_CUSTOM = "as_custom"
    CATEGORY = "category"
    SUMMED = "summed"
    COLLECTED = "collected"
    RESHAPED = "reshaped"
    GENERATED = "generated"


class Done(NamedTuple):
    """``normal``: what was hashed, when it isn't what came; "" otherwise."""

    steps: tuple[Step, ...]
    normal: str = ""


def steps_of_text(raw: Any, sent: Any) -> tuple[Step, ...]:
    """From a value to the plain one that was sent."""
    if raw == sent and type(raw) is type(sent):
        return ()
    if type(sent) is not str:
        return (Step.CONVERTED,)
    if type(raw) is not str:
        return (Step.AS_TEXT,)
    return _between(raw, sent)


def steps_of_amount(raw: Any, sent: Any) -> tuple[Step, ...]:
    """From an amount to the decimal text of it."""
    if raw == sent:
        return ()
    return (Step.AS_TEXT,) if type(raw) is not str else (Step.AS_NUMBER,)


def steps_of_digests(raw: Any, field: HashedField, sent: list[str]) -> Done:
    """From a value, or a list of them, to the digests that were sent."""
    values = raw if type(raw) is list else [raw]
    done = [one for one in (_hashed(value, field, sent) for value in values) if one is not None]
    steps = dict.fromkeys(step for one in done for step in one.steps)
    return Done(tuple(steps), ", ".join(one.normal for one in done if one.normal))


def _hashed(value: Any, field: HashedField, sent: list[str]) -> Done | None:
    """None for a value of which nothing was sent."""
    if type(value) is str:
        text = value
    elif type(value) is int or type(value) is float:
        text = decimal_text(value) or ""
    else:
        return None
    if len(clean(text)) == DIGEST_LENGTH and clean(text).lower() in sent:
        return Done((Step.ALREADY_HASHED,))
    normal = field.normalise(text.strip()) if text.strip() else None
    if isinstance(normal, Repaired):
        normal = normal.forms
    forms = (normal,) if isinstance(normal, str) else normal or ()
    forms = tuple(form for form in forms if digest_of(form) in sent)
    if not forms:
        return None
    steps = list(_between(text, forms[0]))
    if len(forms) > 1:
        steps.append(Step.SEVERAL_FORMS)
    shown = " · ".join(forms)
    return Done((*steps, Step.HASHED), "" if shown == text else shown)


def _between(raw: str, sent: str) -> tuple[Step, ...]:
    """From one text to another."""
    steps = []
    if raw != raw.strip():
        steps.append(Step.TRIMMED)
    text = clean(raw)
    if text == sent:
        return tuple(steps) or (() if raw == sent else (Step.TRIMMED,))
    if text.lower() == sent:
        return (*steps, Step.LOWERCASED)
    if text.upper() == sent:
        return (*steps, Step.UPPERCASED)
    digits = "".join(character for character in text if character.isdecimal())
    if sent.isdecimal() and digits and not any(map(str.isalpha, text)):
        if digits == sent:
            return (*steps, Step.PUNCTUATION)
        if len(sent) > len(digits.lstrip("0")) and sent.endswith(digits.lstrip("0")):
            return (*steps, Step.COUNTRY_CODE)
        return (*steps, Step.CONVERTED)
    kept = "".join(character for character in text if character.isalnum())
    if kept == sent:
        return (*steps, Step.PUNCTUATION)
    if kept.lower() == sent:
        return (*steps, Step.LOWERCASED, Step.PUNCTUATION)
    return (*steps, Step.CONVERTED)
