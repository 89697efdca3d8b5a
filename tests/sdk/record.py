"""Records what the SDKs send, for test_captures.py: ``python -m tests.sdk.record``.

Run it after a pin of an SDK was changed. It writes ``captures/<sdk>.json``: the requests in order,
without the headers that belong to one connection. Senders, keys and addresses in them are made up.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.environment import use_test_settings

FOLDER = Path(__file__).resolve().parent / "captures"
_OF_THE_CONNECTION = ("accept-encoding", "connection", "content-length", "host", "sec-", "priority")


def record() -> None:
    use_test_settings()

    from tests.sdk.conducting import run_together
    from tests.sdk.kits import BROWSER_SDKS, SERVER_SDKS
    from tests.sdk.trials import Scenario
    from tests.stack import Stack

    with Stack() as stack:
        evidence = run_together(stack, [*SERVER_SDKS, *BROWSER_SDKS], (Scenario.RECORDING,))
    for trial in evidence.trials.values():
        if trial.mistake:
            raise SystemExit(f"{trial.sdk.name}: {trial.mistake}")
        capture = {
            "sdk": trial.sdk.name,
            "write_key": trial.write_key,
            "requests": [_written(exchange) for exchange in trial.front.exchanges],
        }
        path = FOLDER / f"{trial.sdk.slug}.json"
        path.write_text(json.dumps(capture, indent=1) + "\n", encoding="utf-8")
        print(path.name, len(capture["requests"]))


def _written(exchange: Any) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": exchange.method,
        "path": exchange.path,
        "headers": {
            name: value
            for name, value in exchange.headers.items()
            if not name.startswith(_OF_THE_CONNECTION)
        },
    }
    if exchange.headers.get("content-encoding") == "gzip":
        request["body_base64"] = base64.b64encode(exchange.body).decode()
    elif exchange.body:
        request["body"] = exchange.body.decode()
    return request


if __name__ == "__main__":
    record()
