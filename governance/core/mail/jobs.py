"""Send the notices of the outbox, each once even if a worker is killed (R9).

First what waits is put into the digests that are due (`daily_digest`); they are notices then as those that go at once. Each is claimed,
sent and marked (`delivery_attempts`); what is sent again has the same Message-ID, by which the receiver knows it. Without a mail server
notices are only kept for the portal's mail page.
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
from governance.core.notices import delivery_attempts, outbox
from governance.core.notices.delivery_attempts import MOST_ATTEMPTS, SWEEP_SECONDS
from governance.core.sign_in import transitions as sign_in_transitions

log = structlog.get_logger(__name__)


def send_due(now: datetime, *, at: datetime | None = None, gathering: timedelta | None = None) -> dict[str, int]:
    """Make the digests that are due, and send every notice that is, one by one.

    Args:
        now: business time, which the rows show as the time of sending.
        at: real time by which claims and waits are judged; read anew for each notice unless given.
        gathering: how long the first thing in a digest waits for others; as the settings have it unless given.

    Returns:
        How many mails were sent, put off and given up; how many of them were made as digests; and how many notices were dropped,
        because their person is done.
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
    """Take the oldest notice that is due and that nobody else is sending; None when there is none.

    Args:
        at: real time.
    """
    return delivery_attempts.claim(Notice.objects.select_related("recipient"), at=at)


def _deliver(notice: Notice, server: BaseEmailBackend | None, checkpoint: Seal | None, now: datetime) -> str:
    """Render, send and mark one claimed notice; returns which count it belongs to."""
    hopeless = _hopeless(notice)
    if hopeless:
        return _give_up(notice, hopeless)
    try:
        letter = _letter(notice, checkpoint, now)
        if letter is None:
            return _drop(notice)
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
    """What a notice says; None for a digest in which nothing is left."""
    if notice.event == outbox.DIGEST:
        return daily_digest.write(notice, checkpoint, now)
    facts = (
        {"link": sign_in_transitions.password_link(notice.recipient)}
        if notice.event in sign_in_transitions.WITH_LINK
        else None
    )
    return mail_text.write(notice, checkpoint, facts)


def _without_secrets(notice: Notice, letter: mail_text.Letter, checkpoint: Seal | None) -> mail_text.Letter:
    """The copy that the portal keeps: a link that sets a password reaches no row."""
    if notice.event not in sign_in_transitions.WITH_LINK:
        return letter
    return mail_text.write(notice, checkpoint, {"link": sign_in_transitions.password_page()})


def _drop(notice: Notice) -> str:
    notice.state, notice.error = NoticeState.DROPPED, daily_digest.DONE
    notice.save(update_fields=["state", "error"])
    return "dropped"


def _hopeless(notice: Notice) -> str:
    """Return why a notice is not tried again, or nothing. One that was claimed often without a result kills its workers."""
    if notice.attempts > MOST_ATTEMPTS:
        return notice.error or "Sending it never came to an end."
    if not notice.recipient.is_here:
        return "The person has left."
    if settings.MAIL_SERVER and not notice.recipient.email:
        return "The person has no address."
    return ""


def _message(notice: Notice, letter: mail_text.Letter, server: BaseEmailBackend) -> EmailMultiAlternatives:
    """The mail itself. Threads hang on a reference that no mail carries as its own id, so that any of them may be lost."""
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
    """A calendar file as a part of its own. In base64: its ends of lines are part of it (RFC 5545, 3.1)."""
    part = MIMEText(dates, icalendar_file.MEDIA_TYPE.partition("/")[2], "utf-8")
    part.set_param("method", icalendar_file.METHOD)
    part.add_header("Content-Disposition", "attachment", filename=icalendar_file.FILE_NAME)
    return part


def _give_up(notice: Notice, error: str) -> str:
    """Give it up, whyever; what a digest carries is not lost by it."""
    if notice.event == outbox.DIGEST:
        daily_digest.let_go(notice)
    return delivery_attempts.give_up(notice, error)


def _named(error: Exception) -> str:
    """What went wrong, without what the server said, which may repeat addresses and text."""
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else ""
    return f"{type(error).__name__} {code}".strip()
