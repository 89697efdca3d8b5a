"""Reading settings from the environment, with every mistake reported at once.

Each reader returns a usable value even when the variable isn't valid, and notes the mistake;
``finish()`` then raises one readable list. ``X_FILE`` names a file that holds the value of ``X``
(Docker and Kubernetes secrets).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


class Environment:
    """The process environment, read once; mistakes are collected in ``mistakes``."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.mistakes: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The variable, or the content of the file that ``<name>_FILE`` names, stripped."""
        value = self._variables.get(name, "").strip()
        path = self._variables.get(f"{name}_FILE", "").strip()
        if value and path:
            self.mistakes.append(f"{name} and {name}_FILE are both set. Remove one of them.")
        if not value and path:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self.mistakes.append(f"{name}_FILE={path} can't be read: {error}.")
        return value or default

    def boolean(self, name: str, default: bool) -> bool:
        value = self.text(name).lower()
        if value in ("", "true", "1", "yes", "on", "false", "0", "no", "off"):
            return default if value == "" else value in ("true", "1", "yes", "on")
        self.mistakes.append(f"{name}={value!r} must be true or false.")
        return default

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        return int(self._number(name, default, least, most, int, "a whole number"))

    def number(self, name: str, default: float, *, least: float = 0, most: float = 1e9) -> float:
        return self._number(name, default, least, most, float, "a number")

    def numbers(self, name: str, *, least: float = 0, most: float = 1e9) -> tuple[float, ...]:
        """Comma-separated numbers; empty when the variable is, or when one isn't valid."""
        try:
            numbers = tuple(float(part) for part in self.listing(name))
        except ValueError:
            self.mistakes.append(
                f"{name}={self.text(name)!r} must be a comma-separated list of numbers."
            )
            return ()
        if not all(least <= number <= most for number in numbers):
            self.mistakes.append(f"Each number in {name} must be from {least:g} to {most:g}.")
            return ()
        return numbers

    def choice(self, name: str, default: str, choices: Iterable[str]) -> str:
        value = self.text(name, default)
        if value not in (allowed := tuple(choices)):
            self.mistakes.append(f"{name}={value!r} must be one of {', '.join(allowed)}.")
            return default
        return value

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """A URL without trailing slash. Its value is never quoted: it may hold a password."""
        value = self.text(name, default).rstrip("/")
        if value and urlsplit(value).scheme not in schemes:
            self.mistakes.append(f"{name} must start with one of {', '.join(schemes)}://.")
            return default
        return value

    def listing(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """Comma-separated values, blanks dropped."""
        value = self.text(name)
        return [part.strip() for part in value.split(",") if part.strip()] or list(default)

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Comma-separated addresses and networks (10.0.0.0/8)."""
        found = []
        for part in self.listing(name):
            try:
                found.append(ip_network(part, strict=False))
            except ValueError:
                self.mistakes.append(f"{name}: {part!r} isn't an IP address or network.")
        return found

    def secret(self, name: str, kept_in: Path, generate: Callable[[], str]) -> str:
        """The variable, else what the file ``kept_in`` holds; made there (mode 600) when new."""
        if value := self.text(name):
            return value
        try:
            return _read_or_create(kept_in, generate)
        except OSError as error:
            self.mistakes.append(
                f"{name} isn't set, and {kept_in} can't be read or created ({error.strerror}). "
                f"Set {name}, or set CAPI_DATA_DIR to a writable folder."
            )
            return generate()

    def finish(self) -> None:
        """Raise ImproperlyConfigured with all mistakes, if there were any."""
        if self.mistakes:
            lines = "\n".join(f"  - {mistake}" for mistake in self.mistakes)
            raise ImproperlyConfigured(f"Some environment variables aren't valid:\n{lines}")

    def _number(
        self,
        name: str,
        default: float,
        least: float,
        most: float,
        convert: Callable[[str], float],
        kind: str,
    ) -> float:
        value = self.text(name)
        if not value:
            return default
        try:
            number = convert(value)
        except ValueError:
            self.mistakes.append(f"{name}={value!r} must be {kind}.")
            return default
        if not least <= number <= most:
            self.mistakes.append(f"{name}={value} must be from {least:g} to {most:g}.")
            return default
        return number


def _read_or_create(path: Path, generate: Callable[[], str]) -> str:
    """Two processes may start at once: a complete file is linked into place, the first one wins."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            draft.touch(mode=0o600)
            draft.write_text(generate() + "\n", encoding="utf-8")
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its value is the one that counts
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8").strip()
