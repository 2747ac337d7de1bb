"""Jobs of the core: seal the ledger and stream it, send mail and webhooks, delete old rows."""

from governance.core.audit_stream import jobs as audit_jobs
from governance.core.clock import current_time
from governance.core.jobs.job_runs import register
from governance.core.ledger import sealing
from governance.core.mail import jobs as mail_jobs
from governance.core.sign_in import jobs as sign_in_jobs
from governance.core.webhooks import jobs as webhook_jobs
from governance.core.webhooks import webhook_outbox

register("controls.seal", lambda now: {"events": sealing.seal_all(at=current_time.real())})
register("controls.send_notices", mail_jobs.send_due)
register(webhook_outbox.JOB, webhook_jobs.send_due)  # a job of its own, so that a slow endpoint delays no mail
register(webhook_jobs.FORGET_JOB, webhook_jobs.forget_due)
register(audit_jobs.JOB, lambda now: audit_jobs.send_due(at=current_time.real()))
register("controls.clear_sessions", lambda now: sign_in_jobs.clear_expired(at=current_time.real()))
