"""A report to Sentry, as it arrives at a server, names nobody."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.variables import BASE_DIR

SCRIPT = """
import sys
import django
django.setup()
import logging
from django.test import RequestFactory
from capi_project import error_reports
from capi_project.wsgi import application
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
import capi_project.urls as urls
@csrf_exempt
def fail(request, who):
    secret = "local@secret.example"
    raise RuntimeError(f"no room for {secret} at 198.51.100.7, +49 151 1234567, pina_sekret")
urls.urlpatterns.insert(0, path("fail/<str:who>", fail))
environ = RequestFactory().post(
    "/fail/path@secret.example?email=query@secret.example",
    {"email": "body@secret.example"}, HTTP_COOKIE="a=cookie-sekret",
    HTTP_AUTHORIZATION="Bearer token-sekret", REMOTE_ADDR="198.51.100.9").environ
list(application(environ, lambda *_: None))
logging.getLogger("deliveries").error("It failed for %s", "logged@secret.example")
import sentry_sdk
sentry_sdk.flush(10)
"""


@pytest.fixture
def received() -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []

    class Sentry(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            bodies.append(gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sentry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://key@127.0.0.1:{server.server_port}/1", bodies
    server.shutdown()
    server.server_close()


def test_a_report_names_nobody(received: tuple[str, list[bytes]], tmp_path: Path) -> None:
    dsn, bodies = received
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "capi_project.settings",
            "CAPI_DATA_DIR": str(tmp_path),
            "ALLOWED_HOSTS": "testserver",
            "SENTRY_DSN": dsn,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = b"\n".join(bodies).decode()
    for secret in ("secret.example", "sekret", "198.51.100", "1234567", "127.0.0.1:"):
        assert secret not in text, secret
    reports = [json.loads(line) for line in text.splitlines() if '"exception"' in line]
    (error,) = reports[0]["exception"]["values"]
    assert error["type"] == "RuntimeError"
    assert error["value"].startswith("no room for […] at […]")
    assert error["stacktrace"]["frames"][-1]["function"] == "fail"
    assert "It failed for" in text
