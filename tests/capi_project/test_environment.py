"""Settings from the environment: usable values, and every mistake in one readable list."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from capi_project.environment import Environment
from tests.variables import BASE_DIR


def mistakes_of(env: Environment) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        env.finish()
    return str(caught.value)


def test_a_variable_that_is_not_set_gives_its_default() -> None:
    env = Environment({})
    assert env.text("A", "b") == "b"
    assert env.boolean("A", True) is True
    assert env.integer("A", 7) == 7
    assert env.number("A", 0.5) == 0.5
    assert env.choice("A", "x", ("x", "y")) == "x"
    assert env.url("A", "https://a.example", ("https",)) == "https://a.example"
    assert env.listing("A", ["z"]) == ["z"]
    env.finish()


@pytest.mark.parametrize("word", ["true", "1", "yes", "ON", " True "])
def test_true_has_four_spellings(word: str) -> None:
    assert Environment({"A": word}).boolean("A", False) is True


@pytest.mark.parametrize("word", ["false", "0", "no", "OFF"])
def test_false_has_four_spellings(word: str) -> None:
    assert Environment({"A": word}).boolean("A", True) is False


def test_all_mistakes_are_reported_at_once_and_the_defaults_hold_until_then() -> None:
    env = Environment({"A": "maybe", "B": "many", "C": "99", "D": "purple", "E": "ftp://x"})
    assert env.boolean("A", True) is True
    assert env.integer("B", 3) == 3
    assert env.integer("C", 5, most=10) == 5
    assert env.choice("D", "red", ("red", "blue")) == "red"
    assert env.url("E", "", ("https",)) == ""
    assert mistakes_of(env) == (
        "Some environment variables aren't valid:\n"
        "  - A='maybe' must be true or false.\n"
        "  - B='many' must be a whole number.\n"
        "  - C=99 must be from 0 to 10.\n"
        "  - D='purple' must be one of red, blue.\n"
        "  - E must start with one of https://."
    )


def test_a_url_with_a_password_is_never_quoted() -> None:
    env = Environment({"DATABASE_URL": "mysql://root:sesame@db/relay"})
    env.url("DATABASE_URL", "", ("postgres",))
    assert "sesame" not in mistakes_of(env)


def test_a_url_loses_its_last_slash() -> None:
    assert Environment({"A": "https://x.example/"}).url("A", "", ("https",)) == "https://x.example"


def test_a_listing_drops_blanks() -> None:
    assert Environment({"A": " a, ,b,"}).listing("A") == ["a", "b"]


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file\n")
    assert Environment({"A_FILE": str(secret)}).text("A") == "from the file"


def test_a_value_and_its_file_together_are_a_mistake(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    env = Environment({"A": "y", "A_FILE": str(secret)})
    env.text("A")
    assert mistakes_of(env).endswith("  - A and A_FILE are both set. Remove one of them.")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    env = Environment({"A_FILE": str(tmp_path / "absent")})
    assert env.text("A", "default") == "default"
    assert f"A_FILE={tmp_path}/absent can't be read" in mistakes_of(env)


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret_key"
    made = Environment({}).secret("A", path, lambda: "generated")
    again = Environment({}).secret("A", path, lambda: "another")
    assert (made, again) == ("generated", "generated")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["secret_key"]


def test_a_secret_of_the_environment_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    assert Environment({"A": "given"}).secret("A", path, lambda: "generated") == "given"
    assert not path.exists()


def test_processes_that_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    barrier = threading.Barrier(8)
    seen: list[str] = []

    def start(number: int) -> None:
        def generate() -> str:
            barrier.wait()  # all of them have found no file by now
            return f"made by {number}"

        seen.append(Environment({}).secret("A", path, generate))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert set(seen) == {path.read_text().strip()}


def test_a_secret_that_cannot_be_kept_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    env = Environment({})
    env.secret("SECRET_KEY", tmp_path / "file" / "secret_key", lambda: "x")
    assert "Set SECRET_KEY, or set CAPI_DATA_DIR to a writable folder" in mistakes_of(env)


def settings_with(
    folder: Path, script: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Load the settings in a new process with nothing but these variables, and show some."""
    script = script or (
        "from django.conf import settings as s\n"
        "d = s.DATABASES['default']\n"
        "print(d['ENGINE'].rpartition('.')[2], d['NAME'], d['OPTIONS'], s.CELERY_BROKER_URL,"
        " s.CACHES['default']['BACKEND'].rpartition('.')[2], sep='|')\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "CAPI_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "capi_project.settings",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_any_service_it_is_sqlite_in_wal_mode_and_files(tmp_path: Path) -> None:
    engine, name, options, broker, cache = settings_with(tmp_path).stdout.strip().split("|")
    assert (engine, broker.partition(":")[0], cache) == ("sqlite3", "filesystem", "FileBasedCache")
    assert name == f"{tmp_path}/capi_relay.sqlite3"
    assert "'transaction_mode': 'IMMEDIATE'" in options
    assert "journal_mode=WAL" in options


def test_two_variables_are_enough_for_postgresql_and_redis(tmp_path: Path) -> None:
    done = settings_with(
        tmp_path,
        DATABASE_URL="postgres://relay:pw@db.example/relay",
        REDIS_URL="redis://cache.example/0",
    )
    engine, name, _, broker, cache = done.stdout.strip().split("|")
    assert (engine, name) == ("postgresql", "relay")
    assert (broker, cache) == ("redis://cache.example/0", "RedisCache")


def test_another_broker_can_be_named_beside_redis(tmp_path: Path) -> None:
    done = settings_with(
        tmp_path, REDIS_URL="redis://cache.example/0", CELERY_BROKER_URL="amqp://mq.example//"
    )
    assert done.stdout.strip().split("|")[3].startswith("amqp://mq.example")


def test_nonsense_in_several_variables_is_one_message(tmp_path: Path) -> None:
    done = settings_with(
        tmp_path,
        BATCH_MAX_CONVERSIONS="2000",
        DEBUG="perhaps",
        TOKEN_ENCRYPTION_KEYS="short",
        LANGUAGE_CODE="klingon",
    )
    assert done.returncode != 0
    for mistake in (
        "BATCH_MAX_CONVERSIONS=2000 must be from 1 to 1000.",
        "DEBUG='perhaps' must be true or false.",
        "LANGUAGE_CODE='klingon' isn't a language that Django knows, such as de or pt-br.",
        "TOKEN_ENCRYPTION_KEYS: key 1 isn't a Fernet key",
    ):
        assert mistake in done.stderr
    assert "short" not in done.stderr


def test_a_lease_that_no_request_fits_into_is_a_mistake(tmp_path: Path) -> None:
    done = settings_with(tmp_path, LEASE_SECONDS="35")
    assert done.returncode != 0
    assert "LEASE_SECONDS must be greater than CONNECT_TIMEOUT_SECONDS" in done.stderr
    assert settings_with(tmp_path, LEASE_SECONDS="36").returncode == 0


def test_https_only_redirects_and_secures_cookies(tmp_path: Path) -> None:
    code = (
        "from django.conf import settings as s\n"
        "print(s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE, s.SECURE_PROXY_SSL_HEADER)"
    )
    assert settings_with(tmp_path, code).stdout.strip() == "False False None"
    given = {"HTTPS_ONLY": "true", "TRUSTED_PROXY_COUNT": "1"}
    assert settings_with(tmp_path, code, **given).stdout.strip() == (
        "True True ('HTTP_X_FORWARDED_PROTO', 'https')"
    )


def test_a_header_of_a_proxy_is_one_that_proxies_write_and_needs_a_proxy(tmp_path: Path) -> None:
    code = "from django.conf import settings as s; print(s.TRUSTED_PROXY_HEADER)"
    assert settings_with(tmp_path, code).stdout.strip() == "X-Forwarded-For"
    given = {"TRUSTED_PROXY_HEADER": "X-Real-IP", "TRUSTED_PROXY_COUNT": "1"}
    assert settings_with(tmp_path, code, **given).stdout.strip() == "X-Real-IP"
    for variables, words in (
        ({"TRUSTED_PROXY_HEADER": "X-Real-IP"}, "Set TRUSTED_PROXY_COUNT to at least 1."),
        (
            {"TRUSTED_PROXY_HEADER": "X_Forwarded_For", "TRUSTED_PROXY_COUNT": "1"},
            "TRUSTED_PROXY_HEADER='X_Forwarded_For' must be one of X-Forwarded-For, X-Real-IP,",
        ),
    ):
        done = settings_with(tmp_path, code, **variables)
        assert done.returncode != 0
        assert words in done.stderr


def test_the_retry_schedule_can_be_given_as_a_list(tmp_path: Path) -> None:
    code = (
        "import django; django.setup()\n"
        "from deliveries.engine.dispatch import POLICY\n"
        "print(POLICY.delays_seconds)"
    )
    given = settings_with(tmp_path, code, RETRY_DELAYS_SECONDS="0.5, 1,30")
    assert given.stdout.strip() == "(0.5, 1.0, 30.0)"
    assert settings_with(tmp_path, code).stdout.startswith("(5.0, 15.0, 30.0, 60.0,")


def test_a_retry_schedule_of_nonsense_is_a_mistake(tmp_path: Path) -> None:
    for nonsense, words in (
        ("5,soon", "RETRY_DELAYS_SECONDS='5,soon' must be a comma-separated list of numbers."),
        ("5,-1", "Each number in RETRY_DELAYS_SECONDS must be from 0 to 86400."),
        ("nan", "Each number in RETRY_DELAYS_SECONDS must be from 0 to 86400."),
    ):
        done = settings_with(tmp_path, RETRY_DELAYS_SECONDS=nonsense)
        assert done.returncode != 0
        assert words in done.stderr


def test_a_full_disk_leaves_no_draft_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    env = Environment({})
    env.secret("SECRET_KEY", tmp_path / "secret_key", lambda: "made")
    assert "No space left on device" in mistakes_of(env)
    assert list(tmp_path.iterdir()) == []
