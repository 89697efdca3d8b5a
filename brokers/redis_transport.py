"""Celery's messages in Redis, by a worker that outlives Redis.

A kombu channel that has lost its connection still tries to use it: closing, it puts the messages
that were not confirmed back into Redis, and a task that ends later is confirmed there. Either
raises an error that Celery does not expect and that ends the worker. Every message here is a
wake-up that the next sweep sends again, so a channel that is gone is left alone. (Messages of a
worker that was killed come back after ``visibility_timeout`` all the same.)
"""

from __future__ import annotations

from kombu.transport import redis


class Channel(redis.Channel):
    """A channel that, once it is closed, has nothing to say to Redis."""

    do_restore = False

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        if not self.closed:
            super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if not self.closed:
            super().basic_reject(delivery_tag, requeue)


class Transport(redis.Transport):
    """The transport that celery.py uses for ``redis://`` and ``rediss://``."""

    Channel = Channel
