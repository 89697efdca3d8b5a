"""`python -m tests.licenses`: the license of each locked package, and whether it suits an MIT
project.

Exit status 1 when one does not.
"""

from __future__ import annotations

import platform
import re
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.variables import BASE_DIR

LOCKS = ("requirements", "requirements-dev", "requirements-otel", "requirements-sentry")
LOCKED = re.compile(
    r"^(\S+==\S+)(?: ; ([^\\]+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)

# Licenses under which a package may be a dependency of an MIT project. LGPL (psycopg) and MPL
# (certifi) bind who changes the package itself.
ALLOWED = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|MPL|Mozilla|LGPL|Lesser", re.I
)
FORBIDDEN = re.compile(r"(?<!L)(?<!Lesser )GPL|AGPL|Affero|SSPL|BUSL|Proprietary|Commercial", re.I)


def locked(name: str, python: str = platform.python_version()) -> dict[str, Requirement]:
    """The pins of a lock that apply to a version of Python, by canonical name."""
    text = (BASE_DIR / f"{name}.txt").read_text("utf-8")
    pins = [
        Requirement(f"{pin}; {marker}" if marker else pin)
        for pin, marker, _ in LOCKED.findall(text)
    ]
    return {
        canonicalize_name(pin.name): pin
        for pin in pins
        if pin.marker is None or pin.marker.evaluate({"python_full_version": python})
    }


def license_of(name: str) -> str:
    """What an installed package says of its license; "" if nothing."""
    about = metadata.metadata(name)
    classifiers = [
        line.rsplit(" :: ", 1)[1]
        for line in about.get_all("Classifier") or []
        if line.startswith("License :: ") and not line.endswith("OSI Approved")
    ]
    # Some put the whole text of the license into the field.
    named = about.get("License-Expression") or " ".join(classifiers)
    return named or (about.get("License") or "").split("\n")[0] or _title_of_file(name)


def _title_of_file(name: str) -> str:
    """The first line of the license that a package brings along; "" without one."""
    for path in metadata.files(name) or ():
        if path.stem.upper() in ("LICENSE", "LICENCE", "COPYING"):
            lines = (line.strip() for line in path.read_text("utf-8").splitlines())
            return next(filter(None, lines), "")
    return ""


def is_allowed(license: str) -> bool:
    """Whether an MIT project may depend on a package under this license."""
    return bool(ALLOWED.search(license)) and not FORBIDDEN.search(license)


def main() -> int:
    product = locked("requirements")
    bad = 0
    for name, pin in sorted(locked("requirements-dev").items()):
        license = license_of(name)
        allowed = is_allowed(license)
        bad += not allowed
        note = "" if allowed else "  NOT ALLOWED"
        kind = "product" if name in product else "tests"
        print(f"{name:32} {str(pin.specifier)[2:]:14} {kind:8} {license or '(none named)'}{note}")
    print(f"{bad} of {len(locked('requirements-dev'))} licenses are not allowed.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
