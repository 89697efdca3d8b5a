"""Web and worker processes leave what they imported alone."""

from __future__ import annotations

import subprocess
import sys

from tests.variables import BASE_DIR

COUNTS = """
import gc
from capi_project.garbage import collect_less_often
collect_less_often()
before = gc.get_freeze_count()
kept = [{"number": number} for number in range(50_000)]
print(before > 1_000, gc.get_threshold()[0] > 700, any(gc.get_stats()[2].values()))
class Ring: pass
import weakref
ring = Ring(); ring.itself = ring
gone = weakref.ref(ring)
del ring
more = [[] for _ in range(100_000)]
print(gone() is None)
"""


def test_what_is_imported_is_left_alone_and_new_garbage_is_found() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", COUNTS], cwd=BASE_DIR, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "True True True\nTrue\n"
