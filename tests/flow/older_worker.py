"""A worker of an older version, as it still runs for a while beside the new one during a deploy.

It does not know the tasks that came later: ``python -m tests.flow.older_worker worker …``.
"""

from __future__ import annotations

from capi_project.celery import app as celery_app
from capi_project.celery_parts import run

LATER_TASKS = (
    "deliveries.tasks.run_bulk_action",
    "deliveries.tasks.merge_tallies",
    "deliveries.tasks.index_events",
    "deliveries.tasks.list_contents",
)


def _forget_later_tasks(sender: object, **_: object) -> None:
    """After every task has been found."""
    celery_app.loader.import_default_modules()
    for name in LATER_TASKS:
        celery_app.tasks.unregister(name)


if __name__ == "__main__":
    # Not on import: the tests read LATER_TASKS in a process that knows all tasks.
    celery_app.on_after_finalize.connect(_forget_later_tasks)
    run(celery_app)
