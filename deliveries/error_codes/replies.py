"""Codes of what an attempt at sending can end with."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from deliveries.error_codes.code_help import CodeHelp

REPLY_CODES: dict[str, CodeHelp] = {
    # Pinterest judged the event.
    "pinterest_rejected": CodeHelp(
        gettext_noop("Pinterest read the request and failed this one event."),
        gettext_noop(
            "Read Pinterest's message, correct the event or its mapping, then retry the delivery."
        ),
    ),
    "invalid_request": CodeHelp(
        gettext_noop("Pinterest refuses every request that holds this event."),
        gettext_noop(
            "Read Pinterest's message, correct the event or its mapping, then retry the delivery."
        ),
    ),
    "request_too_large": CodeHelp(
        gettext_noop(
            "Even alone this event makes a request too large for Pinterest or a proxy before it."
        ),
        gettext_noop(
            "Shorten the event (its products, most often) or raise the proxy's limit, then retry."
        ),
    ),
    # The destination was refused: it is paused and its deliveries wait.
    "unauthorised": CodeHelp(
        gettext_noop("Pinterest does not accept the conversion token."),
        gettext_noop(
            "Make a new token in Pinterest Ads Manager, put it into the destination and resume it."
        ),
    ),
    "forbidden": CodeHelp(
        gettext_noop("The conversion token may not send to this ad account."),
        gettext_noop(
            "Check the ad account ID and the role of the token's user, then resume the destination."
        ),
    ),
    "account_not_found": CodeHelp(
        gettext_noop("Pinterest does not know this ad account, or nothing is at this address."),
        gettext_noop(
            "Check the advertiser ID and the API version of the destination, then resume it."
        ),
    ),
    "all_refused_alike": CodeHelp(
        gettext_noop(
            "Pinterest refused every event with the same words, and a made-up test event as well, "
            "so the events are not the reason."
        ),
        gettext_noop("Read Pinterest's message, correct the destination, then resume it."),
    ),
    "refused": CodeHelp(
        gettext_noop("The request was refused with a status that is no judgement on events."),
        gettext_noop(
            "Check address, API version and any proxy before Pinterest, then resume the "
            "destination."
        ),
    ),
    "unusable_token": CodeHelp(
        gettext_noop("The destination has no conversion token, or one that cannot be a token."),
        gettext_noop("Paste the token again and resume the destination."),
    ),
    "unusable_account": CodeHelp(
        gettext_noop("The destination's advertiser ID is not a number of at most 18 digits."),
        gettext_noop("Correct the advertiser ID and resume the destination."),
    ),
    # Not now: tried again by itself.
    "rate_limited": CodeHelp(
        gettext_noop("Pinterest asked for fewer requests."),
        gettext_noop("Nothing: it is sent again when Pinterest allows it."),
    ),
    "server_error": CodeHelp(
        gettext_noop("Pinterest failed to answer the request."),
        gettext_noop(
            "Nothing: it is sent again later. If it lasts, ask Pinterest with the request id."
        ),
    ),
    "request_timeout": CodeHelp(
        gettext_noop("Pinterest waited for the request and gave up."),
        gettext_noop(
            "Nothing: it is sent again later. If it lasts, look at the uplink of this machine."
        ),
    ),
    "temporarily_refused": CodeHelp(
        gettext_noop("Pinterest refused the request for the moment (409, 423, 424 or 425)."),
        gettext_noop("Nothing: it is sent again later."),
    ),
    "redirected": CodeHelp(
        gettext_noop("The answer was a redirect, which is never followed: Pinterest sends none."),
        gettext_noop(
            "If it lasts, check the base URL and any proxy or login page on the way to Pinterest."
        ),
    ),
    "account_unclear": CodeHelp(
        gettext_noop(
            "Pinterest refused every event with the same words, and did not say whether the account "
            "is in order."
        ),
        gettext_noop(
            "Nothing: it is sent again later. If it lasts, read Pinterest's message and check the "
            "destination's connection."
        ),
    ),
    "split_budget_spent": CodeHelp(
        gettext_noop(
            "Pinterest refused a batch and the search for the bad events was not finished."
        ),
        gettext_noop("Nothing: the search goes on with the next try."),
    ),
    # Nobody answered.
    "connection_refused": CodeHelp(
        gettext_noop("Nothing listens at Pinterest's address, or a firewall refuses."),
        gettext_noop("Nothing: it is sent again later. If it lasts, check firewall and base URL."),
    ),
    "dns_failure": CodeHelp(
        gettext_noop("Pinterest's name could not be resolved."),
        gettext_noop(
            "Nothing: it is sent again later. If it lasts, check the name service of this machine."
        ),
    ),
    "tls_failure": CodeHelp(
        gettext_noop("No trusted TLS connection could be made."),
        gettext_noop(
            "Check the clock and certificates of this machine and any proxy that opens TLS."
        ),
    ),
    "connect_timeout": CodeHelp(
        gettext_noop("The connection was not taken in time."),
        gettext_noop("Nothing: it is sent again later. If it lasts, check the firewall."),
    ),
    "unreachable": CodeHelp(
        gettext_noop("There is no way from this machine to Pinterest."),
        gettext_noop("Nothing: it is sent again later. If it lasts, check network and routes."),
    ),
    "proxy_failure": CodeHelp(
        gettext_noop("The proxy did not make the connection."),
        gettext_noop("Check the proxy that this installation was told to use."),
    ),
    "connection_lost": CodeHelp(
        gettext_noop("The connection broke before the answer came."),
        gettext_noop(
            "Nothing: it is sent again; Pinterest drops what it has already by the dedup key."
        ),
    ),
    "read_timeout": CodeHelp(
        gettext_noop("Pinterest took the request and did not answer in time."),
        gettext_noop(
            "Nothing: it is sent again; Pinterest drops what it has already by the dedup key."
        ),
    ),
    # The answer tells nothing.
    "unreadable_reply": CodeHelp(
        gettext_noop(
            "The answer could not be read, so nobody knows whether the events were processed."
        ),
        gettext_noop(
            "Nothing: it is sent again. If it lasts, look at the batch's response for a proxy's "
            "page."
        ),
    ),
    "wrong_result_count": CodeHelp(
        gettext_noop(
            "The answer had not as many results as events were sent, so none can be told apart."
        ),
        gettext_noop("Nothing: it is sent again. If it lasts, look at the batch's response."),
    ),
    "unreadable_result": CodeHelp(
        gettext_noop("The answer says neither processed nor failed about this event."),
        gettext_noop("Nothing: it is sent again. If it lasts, look at the batch's response."),
    ),
    "unexpected_status": CodeHelp(
        gettext_noop("The answer has a status that HTTP does not know."),
        gettext_noop(
            "Nothing: it is sent again. If it lasts, look for a proxy on the way to Pinterest."
        ),
    ),
}
"""What Pinterest answered, or that nobody did."""
