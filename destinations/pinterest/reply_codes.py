"""Every code a try at sending can end with: what it means, and what a person can do about it."""

from __future__ import annotations

from typing import NamedTuple


class CodeHelp(NamedTuple):
    """One sentence each, for the admin and the documentation."""

    meaning: str
    remedy: str


REPLY_CODES: dict[str, CodeHelp] = {
    # Pinterest judged the event.
    "pinterest_rejected": CodeHelp(
        "Pinterest read the request and failed this one event.",
        "Read Pinterest's message, correct the event or its mapping, then retry the delivery.",
    ),
    "invalid_request": CodeHelp(
        "Pinterest refuses every request that holds this event.",
        "Read Pinterest's message, correct the event or its mapping, then retry the delivery.",
    ),
    "request_too_large": CodeHelp(
        "Even alone this event makes a request too large for Pinterest or a proxy before it.",
        "Shorten the event (its products, most often) or raise the proxy's limit, then retry.",
    ),
    # The destination was refused: it is paused and its deliveries wait.
    "unauthorised": CodeHelp(
        "Pinterest does not accept the conversion token.",
        "Make a new token in Pinterest Ads Manager, put it into the destination and resume it.",
    ),
    "forbidden": CodeHelp(
        "The conversion token may not send to this ad account.",
        "Check the ad account ID and the role of the token's user, then resume the destination.",
    ),
    "account_not_found": CodeHelp(
        "Pinterest does not know this ad account, or nothing is at this address.",
        "Check the advertiser ID and the API version of the destination, then resume it.",
    ),
    "all_refused_alike": CodeHelp(
        "Pinterest refused every event with the same words, so the events are not the reason.",
        "Read Pinterest's message, correct the destination, then resume it.",
    ),
    "refused": CodeHelp(
        "The request was refused with a status that is no judgement on events.",
        "Check address, API version and any proxy before Pinterest, then resume the destination.",
    ),
    "unusable_token": CodeHelp(
        "The destination has no conversion token, or one that cannot be a token.",
        "Paste the token again and resume the destination.",
    ),
    "unusable_account": CodeHelp(
        "The destination's advertiser ID is not a number of at most 18 digits.",
        "Correct the advertiser ID and resume the destination.",
    ),
    # Not now: tried again by itself.
    "rate_limited": CodeHelp(
        "Pinterest asked for fewer requests.",
        "Nothing: it is sent again when Pinterest allows it.",
    ),
    "server_error": CodeHelp(
        "Pinterest failed to answer the request.",
        "Nothing: it is sent again later. If it lasts, ask Pinterest with the request id.",
    ),
    "request_timeout": CodeHelp(
        "Pinterest waited for the request and gave up.",
        "Nothing: it is sent again later. If it lasts, look at the uplink of this machine.",
    ),
    "temporarily_refused": CodeHelp(
        "Pinterest refused the request for the moment (409, 423, 424 or 425).",
        "Nothing: it is sent again later.",
    ),
    "redirected": CodeHelp(
        "The answer was a redirect, which is never followed: Pinterest sends none.",
        "If it lasts, check the base URL and any proxy or login page on the way to Pinterest.",
    ),
    "split_budget_spent": CodeHelp(
        "Pinterest refused a batch and the search for the bad events was not finished.",
        "Nothing: the search goes on with the next try.",
    ),
    # Nobody answered.
    "connection_refused": CodeHelp(
        "Nothing listens at Pinterest's address, or a firewall refuses.",
        "Nothing: it is sent again later. If it lasts, check firewall and base URL.",
    ),
    "dns_failure": CodeHelp(
        "Pinterest's name could not be resolved.",
        "Nothing: it is sent again later. If it lasts, check the name service of this machine.",
    ),
    "tls_failure": CodeHelp(
        "No trusted TLS connection could be made.",
        "Check the clock and certificates of this machine and any proxy that opens TLS.",
    ),
    "connect_timeout": CodeHelp(
        "The connection was not taken in time.",
        "Nothing: it is sent again later. If it lasts, check the firewall.",
    ),
    "unreachable": CodeHelp(
        "There is no way from this machine to Pinterest.",
        "Nothing: it is sent again later. If it lasts, check network and routes.",
    ),
    "proxy_failure": CodeHelp(
        "The proxy did not make the connection.",
        "Check the proxy that this installation was told to use.",
    ),
    "connection_lost": CodeHelp(
        "The connection broke before the answer came.",
        "Nothing: it is sent again; Pinterest drops what it has already by the dedup key.",
    ),
    "read_timeout": CodeHelp(
        "Pinterest took the request and did not answer in time.",
        "Nothing: it is sent again; Pinterest drops what it has already by the dedup key.",
    ),
    # The answer tells nothing.
    "unreadable_reply": CodeHelp(
        "The answer could not be read, so nobody knows whether the events were processed.",
        "Nothing: it is sent again. If it lasts, look at the batch's response for a proxy's page.",
    ),
    "wrong_result_count": CodeHelp(
        "The answer had not as many results as events were sent, so none can be told apart.",
        "Nothing: it is sent again. If it lasts, look at the batch's response.",
    ),
    "unreadable_result": CodeHelp(
        "The answer says neither processed nor failed about this event.",
        "Nothing: it is sent again. If it lasts, look at the batch's response.",
    ),
    "unexpected_status": CodeHelp(
        "The answer has a status that HTTP does not know.",
        "Nothing: it is sent again. If it lasts, look for a proxy on the way to Pinterest.",
    ),
}
"""code -> help. A code never changes its meaning once released."""
