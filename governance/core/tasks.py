"""What beat wakes in the controls: sealing the ledger, and sending mail and webhooks."""

from celery import shared_task

from governance.core.clock import business_time
from governance.core.jobs import job_runs
from governance.core.ledger import sealing
from governance.core.mail import jobs as mail_jobs
from governance.core.sign_in import jobs as sign_in_jobs
from governance.core.webhooks import jobs as webhook_jobs


@shared_task(name="controls.seal")
def seal() -> None:
    """Seal what is not sealed yet and publish a checkpoint (H2, H9)."""
    job_runs.run_job("controls.seal", lambda now: {"events": sealing.seal_all(at=business_time.real())})


@shared_task(name="controls.send_notices")
def send_notices() -> None:
    """Send the notices that are due (R9)."""
    job_runs.run_job("controls.send_notices", lambda now: mail_jobs.send_due(now=now))


@shared_task(name="controls.send_webhooks")
def send_webhooks() -> None:
    """Send webhook messages (R9). Mail has a task of its own, so that a slow endpoint delays no mail."""
    job_runs.run_job("controls.send_webhooks", lambda now: webhook_jobs.send_due(now=now))


@shared_task(name="controls.forget")
def forget() -> None:
    """Take away what endpoints were told long ago (H7)."""
    job_runs.run_job(webhook_jobs.FORGET_JOB, lambda now: webhook_jobs.forget_due(now=now))


@shared_task(name="controls.clear_sessions")
def clear_sessions() -> None:
    """Delete sessions that are over (H7)."""
    job_runs.run_job("controls.clear_sessions", lambda now: sign_in_jobs.clear_expired(at=business_time.real()))
