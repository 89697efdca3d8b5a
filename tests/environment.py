"""Points the product's settings at a scratch data folder and, when asked, at real services.

Imported by conftest.py before anything of the product. ``TEST_DATABASE_URL`` and ``TEST_REDIS_URL``
choose PostgreSQL and Redis; without them the tests run on the embedded default (SQLite and files).
Nothing that a developer has exported for a running CAPI Relay reaches the tests.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tests.variables import settings_variables


def use_test_settings() -> None:
    """Load Django's settings for this test run."""
    for name in settings_variables():
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    folder = tempfile.mkdtemp(prefix="capi-relay-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["CAPI_DATA_DIR"] = folder
    os.environ["DJANGO_SETTINGS_MODULE"] = "capi_project.settings"
    for name in ("DATABASE_URL", "REDIS_URL"):
        if value := os.environ.get(f"TEST_{name}", ""):
            os.environ[name] = value

    from django.conf import settings

    settings.STATIC_ROOT.mkdir()
    # Several runs may share one server.
    if settings.DATABASE_URL.startswith("postgres"):
        settings.DATABASES["default"]["TEST"] = {"NAME": f"test_capi_relay_{os.getpid()}"}
    else:
        # A real file: WAL and the queue of writers work as they do in the product.
        settings.DATABASES["default"]["TEST"] = {"NAME": f"{folder}/test.sqlite3"}
    if settings.REDIS_URL:
        settings.CACHES["default"]["KEY_PREFIX"] = f"capi-relay-tests-{os.getpid()}"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    # Wake-ups of tests go nowhere. Tests of the real broker start real processes (stack.py).
    from capi_project.celery import app

    app.conf.broker_url = "memory://"
