"""What beat wakes in the controls: sealing the ledger, and sending mail and webhooks."""

from __future__ import annotations

from celery import shared_task

from governance.controls import clock, jobs, sealing, sending, session_clearing, webhook_forgetting, webhook_sending


@shared_task(name="controls.seal")
def seal() -> None:
    """Seal what is not sealed yet and publish a checkpoint (H2, H9)."""
    jobs.run_job("controls.seal", lambda now: {"events": sealing.seal_all(at=clock.real())})


@shared_task(name="controls.send_notices")
def send_notices() -> None:
    """Send the notices that are due (R9)."""
    jobs.run_job("controls.send_notices", lambda now: sending.send_due(now=now))


@shared_task(name="controls.send_webhooks")
def send_webhooks() -> None:
    """Send what endpoints are told (R9). Apart from mail, which waits for nobody's slow server."""
    jobs.run_job("controls.send_webhooks", lambda now: webhook_sending.send_due(now=now))


@shared_task(name="controls.forget")
def forget() -> None:
    """Take away what endpoints were told long ago (H7)."""
    jobs.run_job(webhook_forgetting.JOB, lambda now: webhook_forgetting.forget_due(now=now))


@shared_task(name="controls.clear_sessions")
def clear_sessions() -> None:
    """Delete sessions that are over (H7)."""
    jobs.run_job("controls.clear_sessions", lambda now: session_clearing.clear_expired(at=clock.real()))
