"""Errors to Sentry, or to what speaks its protocol (SENTRY_DSN): where and what, but not on whom.

Nothing of a request, a person, or a variable leaves: what remains is the stack without values, the
exception's text with everything masked that looks like a person or a token, and the route.
"""

from __future__ import annotations

from typing import Any

from capi_project.log_lines import mask

_KEPT = frozenset(
    {
        *("event_id", "timestamp", "level", "logger", "platform", "release", "environment", "sdk"),
        *("exception", "transaction", "fingerprint", "type", "threads"),
    }
)
_KEPT_OF_FRAME = frozenset(
    {
        *("filename", "module", "function", "lineno", "in_app"),
        *("context_line", "pre_context", "post_context"),
    }
)


def start(dsn: str, release: str) -> None:
    """Report from here on. ``capi_project.settings`` has made sure that the package is there."""
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        release=release,
        before_send=scrub,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        server_name="",
    )


def scrub(event: Any, hint: Any) -> Any:
    """A report with nothing in it but what is known to name nobody."""
    kept = {key: value for key, value in event.items() if key in _KEPT}
    for kind in ("exception", "threads"):
        for one in (kept.get(kind) or {}).get("values") or ():
            if one.get("value"):
                one["value"] = mask(str(one["value"]))
            stack = one.get("stacktrace") or {}
            stack["frames"] = [
                {key: value for key, value in frame.items() if key in _KEPT_OF_FRAME}
                for frame in stack.get("frames") or ()
            ]
    message = (event.get("logentry") or {}).get("message") or event.get("message")
    if message:
        kept["message"] = mask(str(message))
    if str(kept.get("transaction", "")).startswith("/") and "{" not in str(kept["transaction"]):
        kept.pop("transaction")  # a path; a route has braces, a task no slash
    return kept
