"""`python -m capi_project.celery_parts worker|beat …`: two of Celery's commands, with its options.

The program `celery` loads all its commands, an interactive shell among them, and Django's checks
load every page; a worker would hold 17 MB of both. `celery --app capi_project …` is still there for
everything else, such as `inspect`.
"""

from __future__ import annotations

import os

import click
from celery import Celery
from celery.bin.base import CLIContext
from celery.bin.beat import beat
from celery.bin.worker import worker


def run(app: Celery) -> None:
    """Run the command of the process's arguments for ``app``, and exit."""
    os.environ["CELERY_SKIP_CHECKS"] = "true"  # bin/run has made the checks while migrating

    @click.group()
    @click.pass_context
    def commands(context: click.Context) -> None:
        context.obj = CLIContext(app=app, no_color=False, workdir=None, quiet=True)

    for command in (worker, beat):
        commands.add_command(command)
    commands(prog_name="celery")


if __name__ == "__main__":
    from capi_project.celery import app as celery_app

    run(celery_app)
