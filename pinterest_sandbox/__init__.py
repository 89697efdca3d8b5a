"""A stand-in Pinterest: its Conversions API on a real socket, with faults on request.

For trying the relay out (`manage.py pinterest_sandbox`) and for tests (`Sandbox`). It shares no
code with `destinations.pinterest`, so that a mistake there cannot hide behind the same one here.
"""

from __future__ import annotations

from .faults import Fault, FaultRefused
from .sandbox import Sandbox

__all__ = ["Fault", "FaultRefused", "Sandbox"]
