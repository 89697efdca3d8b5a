"""From the bytes of a request body to its conversions, or to the reason Pinterest would give.

Pinterest's texts for refused bodies are word for word those of python-jsonschema behind
"Invalid request: ", so the words here come from that library. It needs about a millisecond for a
conversion, so jsonschema-rs says yes or no first, in a microsecond; a property test keeps the two
of one mind. One bad conversion refuses the whole request, as it does at Pinterest.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .contract import conversion_schema, load_contract, request_shell

_MAX_MESSAGE = 1000
"""python-jsonschema quotes the whole value: for a list of 1001 conversions that is megabytes."""


class BodyRefused(Exception):
    """The body is not a valid request. `str()` is the message without "Invalid request: ".

    `conversions_count` is the length of `data` where it could be read, else 0.
    """

    def __init__(self, message: str, conversions_count: int = 0) -> None:
        super().__init__(message)
        self.conversions_count = conversions_count


class RequestValidator:
    """The contract of one API version ("v5" or "v3"). Stateless: threads may share it."""

    def __init__(self, api_version: str) -> None:
        contract = load_contract()
        shell = request_shell(contract)
        conversion = conversion_schema(contract, api_version)
        self._shell_is_valid = jsonschema_rs.Draft202012Validator(shell).is_valid
        self._conversion_is_valid = jsonschema_rs.Draft202012Validator(conversion).is_valid
        self._shell = Draft202012Validator(shell)
        self._conversion = Draft202012Validator(conversion)

    def read_conversions(self, body: bytes) -> list[dict[str, Any]]:
        """The conversions of a body, in order. Raises BodyRefused with the first reason found.

        The first bad conversion is named, which spares a look at the 999 others.
        """
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BodyRefused(f"The body is not valid JSON: {error}") from None
        if not self._shell_is_valid(document):
            raise BodyRefused(_explain(self._shell, document), _count_conversions(document))
        conversions: list[dict[str, Any]] = document["data"]
        is_valid = self._conversion_is_valid
        for conversion in conversions:
            if not is_valid(conversion):
                raise BodyRefused(_explain(self._conversion, conversion), len(conversions))
        return conversions


@lru_cache(maxsize=2)
def validator_for(api_version: str) -> RequestValidator:
    """The one validator of an API version; compiling it takes some milliseconds."""
    return RequestValidator(api_version)


def _explain(validator: Draft202012Validator, value: Any) -> str:
    error = best_match(validator.iter_errors(value))
    if error is None:  # Python's \d and $ let pass what JSON Schema's own patterns do not
        error = next(jsonschema_rs.Draft202012Validator(validator.schema).iter_errors(value))
    message: str = error.message
    if len(message) > _MAX_MESSAGE:
        message = f"{message[: _MAX_MESSAGE // 2]} … {message[-_MAX_MESSAGE // 2 :]}"
    return message


def _count_conversions(document: Any) -> int:
    conversions = document.get("data") if isinstance(document, dict) else None
    return len(conversions) if isinstance(conversions, list) else 0
