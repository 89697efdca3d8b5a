"""nginx and Caddy with the files of deploy/, of which only ports, paths and certificates are
changed."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.ports import free_port
from tests import services
from tests.variables import BASE_DIR

HOST = "relay.example.com"
CLIENT = "127.0.0.2"
"""The address that requests come from, so that the proxy's own (127.0.0.1) is another one."""


class Answer:
    """A response, read whole."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode("utf-8", "replace")


class Proxy:
    """One of them on two free ports of its own, in front of the port ``upstream``."""

    def __init__(self, kind: str, upstream: int) -> None:
        self.kind = kind
        self._folder = TemporaryDirectory(prefix=f"capi-relay-{kind}-")
        self._path = Path(self._folder.name)
        self.port, self.tls_port = free_port(), free_port()
        self._certificate, self._key = make_certificate(self._path)
        command = self._nginx(upstream) if kind == "nginx" else self._caddy()
        self._process = subprocess.Popen(
            command,
            env={
                **os.environ,
                "HOME": str(self._path),
                "XDG_DATA_HOME": str(self._path),
                "XDG_CONFIG_HOME": str(self._path),
                "RELAY_HOST": HOST,
                "RELAY_UPSTREAM": f"127.0.0.1:{upstream}",
                "RELAY_BUFFERING": buffering_of_caddy() if kind == "caddy" else "",
            },
            stdout=subprocess.DEVNULL,
            stderr=(self._path / "said").open("w"),
        )
        self._wait_until_up()

    def _nginx(self, upstream: int) -> list[str]:
        text = replaced(
            (BASE_DIR / "deploy" / "nginx.conf").read_text("utf-8"),
            {
                "listen 80;": f"listen 127.0.0.1:{self.port};",
                "listen [::]:80;": "",
                "listen 443 ssl;": f"listen 127.0.0.1:{self.tls_port} ssl;",
                "listen [::]:443 ssl;": "",
                "127.0.0.1:8000": f"127.0.0.1:{upstream}",
                f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(self._certificate),
                f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(self._key),
                "/var/log/nginx/access.log": str(self._path / "access.log"),
            },
        )
        (self._path / "relay.conf").write_text(text, encoding="utf-8")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"    {kind}_temp_path {self._path}/{kind};\n" for kind in kinds)
        (self._path / "nginx.conf").write_text(
            ("user root;\n" if os.geteuid() == 0 else "")
            + f"daemon off;\nworker_processes 1;\npid {self._path}/pid;\n"
            + f"error_log stderr warn;\nevents {{}}\nhttp {{\n{folders}"
            + f"    include {self._path}/relay.conf;\n}}\n",
            encoding="utf-8",
        )
        return [services.nginx_path(), "-p", str(self._path), "-c", str(self._path / "nginx.conf")]

    def _caddy(self) -> list[str]:
        text = replaced(
            (BASE_DIR / "deploy" / "Caddyfile").read_text("utf-8"),
            {
                "\n{\n\tservers {": f"\n{{\n\tadmin off\n\thttp_port {self.port}\n"
                f"\thttps_port {self.tls_port}\n\tservers {{",
                "\nhttps://{$RELAY_HOST:localhost} {": "\nhttps://{$RELAY_HOST:localhost} {\n"
                f"\ttls {self._certificate} {self._key}",
            },
        )
        (self._path / "Caddyfile").write_text(text, encoding="utf-8")
        return [
            services.caddy_path(),
            *("run", "--adapter", "caddyfile", "--config", str(self._path / "Caddyfile")),
        ]

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        tls: bool = True,
    ) -> Answer:
        """What the proxy answers to a request for HOST."""
        raw = socket.create_connection(
            ("127.0.0.1", self.tls_port if tls else self.port), 30, source_address=(CLIENT, 0)
        )
        if tls:
            context = ssl.create_default_context(cafile=str(self._certificate))
            connection: HTTPConnection = HTTPSConnection(HOST)
            connection.sock = context.wrap_socket(raw, server_hostname=HOST)
        else:
            connection = HTTPConnection(HOST)
            connection.sock = raw
        try:
            connection.request(method, path, body, dict(headers or {}))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def access_log(self) -> str:
        return (self._path / "access.log").read_text("utf-8")

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + 20
        for port in (self.port, self.tls_port):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        said = (self._path / "said").read_text("utf-8")
                        self.stop()
                        raise AssertionError(f"The proxy is not up:\n{said}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with each of these replaced. Fails where the file has changed."""
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def buffering_of_caddy() -> str:
    """As the comment in deploy/Caddyfile says: 2.6.2 has another name for it."""
    done = subprocess.run(
        [services.caddy_path(), "version"], capture_output=True, text=True, check=True
    )
    old = done.stdout.strip().lstrip("v").startswith(("2.6.0", "2.6.1", "2.6.2"))
    return "buffer_requests" if old else "request_buffers 5MB"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for HOST, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path
