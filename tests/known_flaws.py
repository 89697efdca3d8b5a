"""`python -m tests.known_flaws REPORT`: what a JSON report of pip-audit says, and what it leaves
open.

pip-audit ends with "No known vulnerabilities found" and status 0 even when its database knew none
of the packages, as happens behind a mirror. Exit status here: 0 every package was looked up and
none has a known vulnerability, 1 some have, 3 not every package could be looked up.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CLEAN, FLAWED, NOT_SCANNED = 0, 1, 3


def judge(report: Any) -> tuple[int, list[str]]:
    """(exit status, lines for a person); ``report`` None: there is none."""
    packages = report.get("dependencies", []) if isinstance(report, dict) else []
    if not packages:
        return NOT_SCANNED, ["NOT SCANNED: the database of vulnerabilities could not be reached."]
    skipped = sorted(one["name"] for one in packages if "skip_reason" in one)
    lines = [
        f"{one['name']} {one['version']}: {flaw['id']}, fixed in "
        f"{', '.join(flaw.get('fix_versions') or ()) or 'no release yet'}"
        for one in packages
        for flaw in one.get("vulns", ())
    ]
    flaw_count = len(lines)
    if skipped:
        lines.append(
            f"NOT SCANNED: the database has no entry for {len(skipped)} of {len(packages)} "
            f"packages: {', '.join(skipped)}"
        )
    if len(skipped) < len(packages):
        looked_up = len(packages) - len(skipped)
        lines.append(f"{flaw_count} known vulnerabilities in the {looked_up} packages looked up.")
    return (FLAWED if flaw_count else NOT_SCANNED if skipped else CLEAN), lines


def main() -> int:
    path = Path(sys.argv[1])
    text = path.read_text("utf-8") if path.exists() else ""
    status, lines = judge(json.loads(text) if text.strip() else None)
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
