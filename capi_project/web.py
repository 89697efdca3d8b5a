"""Starts the web server: ``python -m capi_project.web --host 0.0.0.0 --port 8000``.

Any WSGI server can run ``capi_project.wsgi:application`` instead, behind a proxy that reads whole
requests first and drops headers with an underscore in their names; this one needs no proxy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from webserver.limits import Limits
from webserver.processes import Service, serve

_INGEST = ("v1/", "beacon/", "pixel/", "sourceconfig")
_PROBES = frozenset({"", "health", "readyz", "metrics", "version", "robots.txt"})


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m capi_project.web", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2, help="number of processes")
    parser.add_argument(
        "--threads",
        type=int,
        default=8,
        help="threads for events in each process; pages have half as many",
    )
    options = parser.parse_args(arguments)

    def prepare() -> tuple[Mapping[str, int], Callable[[str], str], Limits]:
        from django.conf import settings

        from capi_project.garbage import collect_less_often
        from deliveries.alerts import standby

        collect_less_often()
        pools = {"ingest": options.threads, "pages": max(2, options.threads // 2), "probes": 1}
        standby.start()
        limits = Limits(body_bytes=settings.MAX_REQUEST_BYTES)
        return pools, pool_chooser(settings.URL_PREFIX), limits

    service = Service(
        "capi_project.wsgi:application", options.host, options.port, options.workers, prepare
    )
    try:
        return serve(service)
    except OSError as error:
        print(f"Can't listen on port {options.port} of {options.host}: {error}.", file=sys.stderr)
        return 1


def pool_chooser(url_prefix: str) -> Callable[[str], str]:
    """Events, pages and probes each have threads of their own, so that none waits for another."""
    prefix = f"{url_prefix}/".lstrip("/").lower()

    def choose(path: str) -> str:
        plain = path.lstrip("/").lower().removeprefix(prefix)
        if plain.startswith(_INGEST):
            return "ingest"
        return "probes" if plain in _PROBES else "pages"

    return choose


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
