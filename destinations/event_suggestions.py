"""Which of Pinterest's events a name of somebody else's probably means. Pure."""

from __future__ import annotations

import re

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS = re.compile(r"[^\W_]+")
_MAX_CHARACTERS = 100

_UNDONE = """
    abandoned cancel canceled cancelled declined delete deleted denied error expired fail failed
    failure refund refunded remove removed rejected returned unsubscribe unsubscribed
"""
_PHRASES = """
    initiate_checkout: checkout started, started checkout, begin checkout, start checkout,
        initiate checkout, initiated checkout, checkout initiated
    add_payment_info: payment info, payment information, payment details, payment method
    checkout: order completed, completed order, order complete, order placed, placed order,
        order confirmed, order paid, purchase, purchased, checkout completed, checkout complete,
        transaction completed, payment completed
    add_to_wishlist: wishlist, wish list, favorited, add to favorites
    add_to_cart: add to cart, added to cart, add to basket, added to basket, add to bag,
        added to bag, product added, item added, cart add
    start_trial: trial
    lead: newsletter, lead, form submitted, submitted form, quote, demo requested
    signup: signed up, sign up, signup, registered, registration, account created,
        created account, create account, user created
    subscribe: subscribe, subscribed, subscription
    submit_application: application submitted, submit application, submitted application
    app_install: application installed, app installed, app install, first open
    app_open: application opened, app opened, app open, open app
    schedule: appointment, schedule, scheduled, booking, booked, reservation
    find_location: store locator, store finder, find store, find location
    customize_product: customize, customized, configurator, personalized
    watch_video: video
    search: search, searched
    view_category: product list viewed, view item list, list viewed, category, collection viewed
    contact: contact, contacted, message sent
    page_visit: product viewed, viewed product, view item, view product, product detail,
        page viewed, viewed page, page view, pageview, product clicked
"""
# A name with one of these words says that it did not happen, or no longer holds.
UNDONE = frozenset(_UNDONE.split())


def _read_phrases(text: str) -> dict[str, tuple[str, ...]]:
    """Lines "event: phrase, phrase", each with further lines of phrases."""
    found: dict[str, str] = {}
    event = ""
    for line in text.strip().splitlines():
        name, colon, phrases = line.partition(":")
        if colon:
            event, line = name.strip(), phrases
        found[event] = found.get(event, "") + line
    return {
        event: tuple(" ".join(phrase.split()) for phrase in phrases.split(","))
        for event, phrases in found.items()
    }


PHRASES = _read_phrases(_PHRASES)
"""Pinterest event → phrases that mean it, tried in this order."""


def suggest_event(name: str) -> str:
    """The Pinterest event that ``name`` probably is; "" without an idea."""
    if len(name) > _MAX_CHARACTERS:
        return ""
    words = _WORDS.findall(_HUMP.sub(" ", name).casefold())
    if not UNDONE.isdisjoint(words):
        return ""
    said = f" {' '.join(words)} "
    for event, phrases in PHRASES.items():
        if any(f" {phrase} " in said for phrase in phrases):
            return event
    return ""
