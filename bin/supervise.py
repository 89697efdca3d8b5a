"""Starts launcher.supervisor; a mistake in the environment is a sentence, not a traceback."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from django.core.exceptions import ImproperlyConfigured  # noqa: E402

try:
    from launcher.supervisor import main
except ImproperlyConfigured as mistakes:
    sys.exit(str(mistakes))
sys.exit(main())
