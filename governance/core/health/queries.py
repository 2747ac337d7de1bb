"""Health of the installation: jobs, ledger, mail, keys, and enough people (R9, S9, H9)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from governance.core.audit_stream import jobs as audit_jobs
from governance.core.jobs import job_runs
from governance.core.keys import key_files
from governance.core.ledger import sealing
from governance.core.models import Notice, NoticeState
from governance.core.people import bootstrap

#: An event is sealed within seconds. After this many minutes without a seal, sealing has stopped.
UNSEALED = timedelta(minutes=2)


#: Advice of higher apps: ``advice(now)`` returns one sentence for each missing thing.
Advice = Callable[[datetime], Iterable[str]]
_advice: list[tuple[str, Advice]] = []


def register_advice(part: str, advice: Advice) -> None:
    """Add ``advice(now)`` to the health check. Advice is no failure. Call it in an app's `ready()`; a second call changes nothing."""
    if (part, advice) not in _advice:
        _advice.append((part, advice))


@dataclass(frozen=True)
class Finding:
    """A problem or an advice.

    Args:
        part: the part of the installation, one word.
        sentence: the problem and, where it helps, the next step.
        is_failure: whether the health check fails; otherwise it is advice.
    """

    part: str
    sentence: str
    is_failure: bool = True


def findings(*, now: datetime, at: datetime) -> list[Finding]:
    """Return all findings, failures first.

    Args:
        now: business time.
        at: real time.
    """
    problem = _ledger_problem(now, at)
    results = [*_jobs(at), *([Finding("ledger", problem)] if problem else []), *_mail(at)]
    results += [Finding("stream", problem) for problem in audit_jobs.problems(at)]
    results += [Finding("keys", problem) for problem in key_files.problems()]
    results += _calendar(now)
    results += [Finding("people", sentence, is_failure=False) for sentence in bootstrap.missing_for_work(now)]
    results += [Finding(part, sentence, is_failure=False) for part, advice in _advice for sentence in advice(now)]
    return sorted(results, key=lambda finding: not finding.is_failure)


def _calendar(now: datetime) -> list[Finding]:
    """Return advice if the list of holidays ends soon: deadlines would fall on a holiday (H8)."""
    last = max(settings.ORGANISATION_HOLIDAYS, default=None)
    if last is None or last >= now.astimezone(ZoneInfo(settings.ORGANISATION_TIME_ZONE)).date():
        return []
    sentence = f"The last holiday that is known was on {last:%Y-%m-%d}: add the next ones to ORGANISATION_HOLIDAYS."
    return [Finding("calendar", sentence, is_failure=False)]


def _jobs(at: datetime) -> list[Finding]:
    results = []
    for job in job_runs.health(at):
        if job.is_late:
            since = f"since {job.last.seen_at:%Y-%m-%d %H:%M:%S} UTC" if job.last and job.last.seen_at else "at all"
            sentence = f"{job.job} has not run {since}; it should every {job.every.total_seconds():g} s."
            results.append(Finding("jobs", sentence))
        elif job.last is not None and job.last.error:
            results.append(Finding("jobs", f"{job.job} failed in its last run ({job.last.error})."))
    return results


def _ledger_problem(now: datetime, at: datetime) -> str:
    """Return the first problem of seals and checkpoint, or nothing."""
    last = sealing.latest()
    try:
        published = sealing.published_checkpoint()
    except sealing.CheckpointUnreadable as error:
        return str(error)
    if published is not None and (last is None or published["seals"] > last.number):
        here, there = last.number if last else 0, published["seals"]
        return f"The database ends at seal {here}, a published checkpoint saw {there}: it is an older copy."
    if published is not None and last is not None and not sealing.continues(published, last):
        return f"Seal {published['seals']} is not the one in the published checkpoint: the database holds another history. Run `manage.py verify_ledger`."
    if sealing.is_counter_behind():
        return "The database was restored on a server whose transaction counter is behind: run `manage.py ledger_catch_up`."
    unpublished = sealing.unpublished_since()
    if unpublished is not None and at - unpublished > UNSEALED:
        file = settings.LEDGER_CHECKPOINT_FILE
        return f"The checkpoint file is behind the ledger: can {file} be written, is its disk full?"
    waiting = sealing.unsealed().first()
    # Business time may jump ahead in a demo, so a failure needs the same gap in real time.
    if waiting is not None and now - waiting.at > UNSEALED and (last is None or at - last.at > UNSEALED):
        return "Events wait to be sealed: is the worker running, and no transaction open for long?"
    return ""


def _mail(at: datetime) -> list[Finding]:
    failed = Notice.objects.filter(state=NoticeState.FAILED, claimed_at__gte=at - timedelta(days=1)).count()
    waiting = Notice.objects.filter(state=NoticeState.QUEUED, attempts__gte=3).count()
    sentences = (
        (failed, f"{failed} of the last day's notices could not be sent."),
        (waiting, f"{waiting} notices wait after three attempts: does the mail server answer?"),
    )
    return [Finding("mail", sentence) for count, sentence in sentences if count]
