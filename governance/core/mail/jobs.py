"""Send the notices of the outbox, each once even if a worker is killed (R9).

First, waiting notices are put into due digests (`daily_digest`), which are notices too. Each notice is claimed, sent and marked
(`delivery_attempts`). A repeated mail has the same Message-ID, so the receiver recognises it. Without a mail server, notices are only
kept for the portal's mail page.
"""

import smtplib
import time
from collections import Counter
from datetime import datetime, timedelta
from email.mime.text import MIMEText
from email.utils import formataddr

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from governance.core.clock import current_time, icalendar_file
from governance.core.ledger import sealing
from governance.core.mail import daily_digest, mail_text
from governance.core.models import Notice, NoticeState, Seal
from governance.core.notices import delivery_attempts, mail_choices, outbox
from governance.core.notices.delivery_attempts import MOST_ATTEMPTS, SWEEP_SECONDS
from governance.core.sign_in import transitions as sign_in_transitions

log = structlog.get_logger(__name__)


def send_due(now: datetime, *, at: datetime | None = None, gathering: timedelta | None = None) -> dict[str, int]:
    """Make all due digests, and send all due notices one by one.

    Args:
        now: business time, which the rows show as the time of sending.
        at: real time for claims and waits; read again for each notice by default.
        gathering: how long the first notice of a digest waits for others; by default from the settings.

    Returns:
        Counts of mails sent, put off and given up; of digests made; and of notices dropped, because their task is finished.
    """
    made = daily_digest.make_due(now=now, gathering=settings.MAIL_GATHERING if gathering is None else gathering)
    counts = Counter(sent=0, put_off=0, failed=0)
    counts.update(made)
    checkpoint = sealing.latest()
    server = get_connection(**settings.MAIL_SERVER) if settings.MAIL_SERVER else None
    ends = time.monotonic() + SWEEP_SECONDS
    try:
        while time.monotonic() < ends and (notice := claim(at=at or current_time.real())) is not None:
            counts[_deliver(notice, server, checkpoint, now)] += 1
    finally:
        if server is not None:
            server.close()
    return dict(counts)


def claim(*, at: datetime) -> Notice | None:
    """Claim the oldest due notice that no other worker is sending; None without one.

    Args:
        at: real time.
    """
    return delivery_attempts.claim(Notice.objects.select_related("recipient"), at=at)


def _deliver(notice: Notice, server: BaseEmailBackend | None, checkpoint: Seal | None, now: datetime) -> str:
    """Render, send and mark one claimed notice; return the name of its count."""
    if mail_choices.is_turned_off(notice):
        return _drop(notice, outbox.TURNED_OFF)
    hopeless = _hopeless(notice)
    if hopeless:
        return _give_up(notice, hopeless)
    try:
        letter = _letter(notice, checkpoint, now)
        if letter is None:
            return _drop(notice, daily_digest.DONE)
        notice.subject, notice.thread = letter.subject, letter.thread
        if settings.DEMO or server is None:
            kept = _without_secrets(notice, letter, checkpoint)
            notice.text, notice.html, notice.dates = kept.text, kept.html, kept.dates
        if server is not None:
            _message(notice, letter, server).send()
    except Exception as error:  # noqa: BLE001  one notice that can't be sent must not keep the others back
        log.warning("notice.not_sent", notice=notice.pk, error=_named(error))
        if server is not None:
            server.close()  # after a failure the next one starts with a connection of its own
        if delivery_attempts.is_last(notice):
            return _give_up(notice, _named(error))
        return delivery_attempts.put_off(notice, _named(error))
    notice.state, notice.sent_at, notice.error = NoticeState.SENT, now, ""
    notice.save(update_fields=["state", "sent_at", "error", "subject", "text", "html", "dates", "thread"])
    return "sent"


def _letter(notice: Notice, checkpoint: Seal | None, now: datetime) -> mail_text.Letter | None:
    """Return the mail of a notice; None for a digest without open tasks."""
    if notice.event == outbox.DIGEST:
        return daily_digest.write(notice, checkpoint, now)
    facts = (
        {"link": sign_in_transitions.password_link(notice.recipient)}
        if notice.event in sign_in_transitions.WITH_LINK
        else None
    )
    return mail_text.write(notice, checkpoint, facts)


def _without_secrets(notice: Notice, letter: mail_text.Letter, checkpoint: Seal | None) -> mail_text.Letter:
    """Return the copy for the portal, without a link that sets a password."""
    if notice.event not in sign_in_transitions.WITH_LINK:
        return letter
    return mail_text.write(notice, checkpoint, {"link": sign_in_transitions.password_page()})


def _drop(notice: Notice, why: str) -> str:
    notice.state, notice.error = NoticeState.DROPPED, why
    notice.save(update_fields=["state", "error"])
    return "dropped"


def _hopeless(notice: Notice) -> str:
    """Return why a notice is not tried again, or nothing. A notice with many claims and no result kills its workers."""
    if notice.attempts > MOST_ATTEMPTS:
        return notice.error or "Sending it never came to an end."
    if not notice.recipient.is_here:
        return "The person has left."
    if settings.MAIL_SERVER and not notice.recipient.email:
        return "The person has no address."
    return ""


def _message(notice: Notice, letter: mail_text.Letter, server: BaseEmailBackend) -> EmailMultiAlternatives:
    """Return the mail. A thread has a reference that is no mail's own id, so any of its mails may be lost."""
    message = EmailMultiAlternatives(
        letter.subject,
        letter.text,
        to=[formataddr((mail_text.one_line(notice.recipient.name), notice.recipient.email))],
        headers={
            "Message-ID": notice.message_id,
            "References": outbox.message_id(f"thread:{letter.thread}"),
            "Auto-Submitted": "auto-generated",  # RFC 3834: no out-of-office answers
        },
        connection=server,
    )
    message.attach_alternative(letter.html, "text/html")
    if letter.dates:
        message.attach(_calendar(letter.dates))
    return message


def _calendar(dates: str) -> MIMEText:
    """Return a calendar file as an attachment. In base64, because its line ends are part of the format (RFC 5545, 3.1)."""
    part = MIMEText(dates, icalendar_file.MEDIA_TYPE.partition("/")[2], "utf-8")
    part.set_param("method", icalendar_file.METHOD)
    part.add_header("Content-Disposition", "attachment", filename=icalendar_file.FILE_NAME)
    return part


def _give_up(notice: Notice, error: str) -> str:
    """Give a notice up. The notices of a digest wait for the next one."""
    if notice.event == outbox.DIGEST:
        daily_digest.let_go(notice)
    return delivery_attempts.give_up(notice, error)


def _named(error: Exception) -> str:
    """Return the kind of an error without the server's text, which may repeat addresses."""
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else ""
    return f"{type(error).__name__} {code}".strip()
