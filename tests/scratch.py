"""A PostgreSQL database and a Redis database of one's own, on servers that others use too."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

REDIS_NUMBERS = range(1, 15)
RESERVED = "capi-relay-stack"
RESERVED_SECONDS = 3600
_numbers = itertools.count(1)


class ScratchDatabase:
    """A database that is made for a stack and dropped after it."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self.name = f"capi_stack_{os.getpid()}_{next(_numbers)}"
        self.url = urlunsplit(urlsplit(server_url)._replace(path=f"/{self.name}"))

    def create(self) -> str:
        """Make it; returns its URL."""
        self._on_server("CREATE DATABASE {}")
        return self.url

    def drop(self) -> None:
        """Drop it, whoever is still connected."""
        self._on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)")

    def rows(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement, parameters).fetchall()

    def _on_server(self, statement: str) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(self.name)))


class ScratchRedis:
    """A numbered Redis database that no other run uses, emptied before and after."""

    def __init__(self, server_url: str) -> None:
        self._parts = urlsplit(server_url)
        self.url = ""

    def reserve(self) -> str:
        """Find one that is free, or left over from a run that was killed; returns its URL."""
        register = self._client(15)
        for number in REDIS_NUMBERS:
            key = f"{RESERVED}:{number}"
            if not register.set(key, os.getpid(), nx=True, ex=RESERVED_SECONDS):
                continue
            client = self._client(number)
            if client.dbsize() and not client.exists(RESERVED):
                register.delete(key)  # somebody else's: not ours to empty
                continue
            client.flushdb()
            client.set(RESERVED, os.getpid())
            self._number = number
            self.url = self._url(number)
            return self.url
        raise RuntimeError(f"No Redis database from 1 to 14 is free (see keys {RESERVED}:* in 15).")

    def release(self) -> None:
        if self.url:
            self._client(self._number).flushdb()
            self._client(15).delete(f"{RESERVED}:{self._number}")

    def _url(self, number: int) -> str:
        return urlunsplit(self._parts._replace(path=f"/{number}"))

    def _client(self, number: int) -> redis.Redis:
        return redis.Redis.from_url(self._url(number))
