"""Jobs as a worker runs them: by the name that beat knows."""

from __future__ import annotations

from celery import current_app


def run_by_name(name: str) -> None:
    """Run a registered job at once, in this process."""
    current_app.loader.import_default_modules()  # as a worker does: it registers the jobs
    current_app.tasks[name]()
