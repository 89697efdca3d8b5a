"""`bin/run`: prepares an installation, then starts web, worker, beat and sandbox and keeps them up.

Ctrl-C or SIGTERM stops all of them within ten seconds. One that dies is started again; one that
keeps dying ends the whole, with its last output. To run the parts under a supervisor of your own
(systemd, Docker, Kubernetes), take the commands of ``parts.commands()``; the Procfile has them.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from types import FrameType

from launcher.banner import Demo, banner, connect_host
from launcher.commands import (
    Options,
    children_environment,
    commands,
    is_private,
    part_environment,
    read_options,
)
from launcher.processes import Child

STOP_SECONDS = 7.0
"""Time to end a running request. After it, and SANDBOX_STOP_SECONDS, comes SIGKILL."""
SANDBOX_STOP_SECONDS = 1.5
LOOK_SECONDS = 0.2
"""How often a starting web server is looked at."""


class CannotStart(Exception):
    """Why CAPI Relay cannot start, in one sentence for the person who started it."""


def require_free_port(host: str, port: int, variable: str) -> None:
    """Raises CannotStart when something listens there already."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise CannotStart(
            f"HOST={host} isn't an address of this machine: {error.strerror}."
        ) from None
    family, kind, protocol, _, address = addresses[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise CannotStart(
                f"Can't listen on port {port} of {host} ({error.strerror}). "
                f"Stop the program that uses it, or choose another port with {variable}=…"
            ) from None


def show(name: str, line: str) -> None:
    """One line of a part's output, labelled; a JSON object (LOG_FORMAT) stays one."""
    if line.startswith('{"'):
        print(f'{{"part":"{name}",{line[1:]}', flush=True)
    else:
        print(f"{name:<7} | {line}", flush=True)


class Supervisor:
    """Keeps children running until it is told to stop, or until one cannot be kept running.

    ``banner`` is printed as soon as ``ready_at`` (host, port) takes connections.
    """

    def __init__(
        self, children: list[Child], banner: list[str], ready_at: tuple[str, int] | None
    ) -> None:
        self.children = children
        self._banner = banner
        self._ready_at = ready_at
        self._stop_signal: int | None = None
        self._wake_reader, self._wake_writer = os.pipe()
        for end in (self._wake_reader, self._wake_writer):
            os.set_blocking(end, False)

    def run(self) -> int:
        """Start all; return the exit status: 0 after a signal, 1 when a child kept dying."""
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        # SIGINT also where a shell had it ignored (`bin/run &`); SIGHUP not under nohup.
        signal.signal(signal.SIGTERM, self._note_signal)
        signal.signal(signal.SIGINT, self._note_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._note_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake up
        try:
            for child in self.children:
                child.start()
            return self._watch()
        finally:
            self.stop_children()
            self._print_banner()  # it may hold a password that is shown only once

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_signal = number

    def _watch(self) -> int:
        while self._stop_signal is None:
            now = time.monotonic()
            for child in self.children:
                if child.restart_at is not None:
                    if now >= child.restart_at:
                        child.start()
                elif child.exit_status() is not None and not self._plan_restart(child, now):
                    return 1
            if self._banner and self._is_ready():
                self._print_banner()
            self._wait_for_signal()
        print("Stopping ...", flush=True)
        return 0

    def _plan_restart(self, child: Child, now: float) -> bool:
        """Whether the child that has just died is worth another start."""
        status = child.exit_status()
        child.clear_away()
        delay = child.policy.note_death(now)
        if delay is None:
            print(f"\n{child.name} keeps exiting (status {status}). Last output:", flush=True)
            for line in child.last_lines:
                print(f"    {line}", flush=True)
            return False
        show(child.name, f"exited with status {status}; restarting in {delay:g} s")
        child.restart_at = now + delay
        return True

    def _is_ready(self) -> bool:
        if self._ready_at is None:
            return True
        try:
            socket.create_connection(self._ready_at, timeout=1).close()
        except OSError:
            return False
        return True

    def _print_banner(self) -> None:
        lines, self._banner = self._banner, []
        if lines:
            print("\n".join(lines), flush=True)

    def _wait_for_signal(self) -> None:
        """Until a child ends, a signal comes, a restart is due, or it is time to look again."""
        now = time.monotonic()
        times = [child.restart_at for child in self.children if child.restart_at is not None]
        if self._banner:
            times.append(now + LOOK_SECONDS)
        timeout = max(0.0, min(times) - now) if times else None
        if select.select([self._wake_reader], [], [], timeout)[0]:
            os.read(self._wake_reader, 4096)

    def stop_children(self) -> None:
        """Stop all in time: those that send first, what they send to last; then by force."""
        senders = [child for child in self.children if child.name != "sandbox"]
        sandboxes = [child for child in self.children if child.name == "sandbox"]
        deadline = time.monotonic() + STOP_SECONDS
        for group, end in ((senders, deadline), (sandboxes, deadline + SANDBOX_STOP_SECONDS)):
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.wait(end - time.monotonic())
            for child in group:
                child.clear_away()


def prepare(options: Options) -> list[str]:
    """Migrate, and give an empty installation its first contents. Returns what to tell."""
    import django
    from django.core.management import call_command
    from django.db import OperationalError, connections

    django.setup()
    from django.conf import settings

    from deliveries.stats import process_metrics
    from destinations import first_start

    process_metrics.remove_all(settings.METRICS_DIR)
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    try:
        call_command("migrate", interactive=False, verbosity=0)
        admin = first_start.create_first_admin(os.environ)
        demo = prepare_demo(is_private(options, settings))
    except OperationalError as error:
        raise CannotStart(f"Can't use the database: {str(error).strip()}") from None
    finally:
        connections.close_all()
    return banner(options, settings, admin, demo)


def prepare_demo(private: bool) -> Demo:
    """The demo of an empty installation; on a server that others can reach, with a key of its
    own."""
    from destinations import first_start

    if write_key := first_start.create_demo(is_private=private):
        return Demo(write_key)
    if private:
        return Demo(first_start.DEMO_WRITE_KEY if first_start.has_demo_source() else "")
    if write_key := first_start.replace_demo_key():
        return Demo(write_key, was_replaced=True)
    return Demo("", is_guessable=first_start.has_demo_source())


def main() -> int:
    from django.core.exceptions import ImproperlyConfigured

    try:
        options = read_options(os.environ)
        require_free_port(options.host, options.port, "PORT")
        require_free_port("127.0.0.1", options.sandbox_port, "SANDBOX_PORT")
        lines = prepare(options)
    except (CannotStart, ImproperlyConfigured) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    environment = children_environment(options, os.environ)
    children = [
        Child(name, command, part_environment(name, environment), show)
        for name, command in commands(options).items()
    ]
    return Supervisor(children, lines, (connect_host(options.host), options.port)).run()


if __name__ == "__main__":
    sys.exit(main())
