"""Send webhook messages, each once by its id. Failures are retried for hours; then the endpoint is paused (R9).

Messages are claimed, sent and marked like mails (`delivery_attempts`). A repeated message has the same ``webhook-id``, so the receiver
recognises it. Endpoints take turns with one message each. After a failure an endpoint waits, so a slow one delays no other.

Old deliveries are deleted after some days, and the ledger has their number (H7). A delivery holds names, an event, a page and its result,
for people who look for a failure. The last one of each endpoint stays, because it shows whether messages arrive there.
"""

import time
from collections import Counter
from datetime import datetime, timedelta

import structlog
from django.db.models import F, OuterRef, QuerySet, Subquery

from governance.core.access import Actor, Permission
from governance.core.clock import current_time
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookState
from governance.core.notices import delivery_attempts
from governance.core.webhooks import http_client, signing_keys, webhook_outbox
from governance.core.webhooks.transitions import pause
from governance.core.webhooks.webhook_outbox import JOB

log = structlog.get_logger(__name__)

#: The answer of a removed endpoint (RFC 9110, 15.5.11). It gets no more messages.
GONE = 410

FORGET_JOB = "controls.forget"

#: As long as drafts and previews are kept.
KEPT = timedelta(days=30)

#: Most deliveries of one endpoint in one transaction; the next sweep continues.
FORGOTTEN_AT_ONCE = 5_000


def send_due(now: datetime, *, at: datetime | None = None) -> dict[str, int]:
    """Send due messages one by one, of each endpoint in turn; return the counts of sent, put off and given up.

    Args:
        now: business time, which the rows show as the time of sending.
        at: real time for claims, waits and signatures; read again for each message by default.
    """
    counts = Counter(sent=0, put_off=0, failed=0)
    ends = time.monotonic() + delivery_attempts.SWEEP_SECONDS
    while time.monotonic() < ends and (delivery := _next(at or current_time.real())) is not None:
        counts[_deliver(delivery, now, at or current_time.real())] += 1
    return dict(counts)


def _next(at: datetime) -> WebhookDelivery | None:
    """Claim a message of the endpoint that was tried longest ago; new messages go before repeated ones."""
    rows = WebhookDelivery.objects.select_related("endpoint__team")
    for endpoint in _in_turn(at):  # the first one has a message, unless another worker is sending it
        of_endpoint, order = rows.filter(endpoint=endpoint), ("attempts", "created_at", "id")
        delivery = delivery_attempts.claim(of_endpoint, at=at, first=order)
        if delivery is not None:
            return delivery
    return None


def _in_turn(at: datetime) -> list[int]:
    """Return the endpoints with a due message, the one tried longest ago first, without waiting ones: one query."""
    last = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), claimed_at__isnull=False)
    last = last.order_by("-claimed_at", "-pk")
    tried = {name: Subquery(last.values(name)[:1]) for name in ("claimed_at", "attempts")}
    came_to = Subquery(last.values("state")[:1])
    due = WebhookDelivery.objects.filter(delivery_attempts.due(at)).order_by().values("endpoint")
    endpoints = WebhookEndpoint.objects.filter(pk__in=due).annotate(**tried, came_to=came_to)
    in_turn = endpoints.order_by(F("claimed_at").asc(nulls_first=True), "pk")
    rows = in_turn.values_list("pk", "came_to", "attempts", "claimed_at")
    return [
        pk for pk, state, attempts, claimed_at in rows if not delivery_attempts.rests(state, attempts, claimed_at, at)
    ]


def _deliver(delivery: WebhookDelivery, now: datetime, at: datetime) -> str:
    """Send and mark one claimed message; return the name of its count."""
    if delivery.endpoint.state != WebhookState.ACTIVE:
        return delivery_attempts.give_up(delivery, "The webhook was paused or removed.")
    if delivery.attempts > delivery_attempts.MOST_ATTEMPTS:
        return _given_up(delivery, delivery.error or "Sending it never came to an end.", now)
    try:
        is_taken = _post(delivery, at)
    except (http_client.NotAllowed, signing_keys.NotOpened) as no:
        return _given_up(delivery, str(no), now)
    except Exception as failure:  # noqa: BLE001  one message that can't be sent must not keep the others back
        log.warning("webhook.not_sent", delivery=delivery.pk, error=type(failure).__name__)
        error, is_over = f"It could not be reached ({type(failure).__name__}).", False
    else:
        if is_taken:
            delivery.state, delivery.sent_at, delivery.error = DeliveryState.SENT, now, ""
            delivery.save(update_fields=["state", "sent_at", "error"])
            return "sent"
        error, is_over = f"It answered {delivery.status}.", delivery.status == GONE
    if is_over or delivery_attempts.is_last(delivery):
        return _given_up(delivery, error, now)
    return delivery_attempts.put_off(delivery, error)


def _post(delivery: WebhookDelivery, at: datetime) -> bool:
    """Send a message once and keep the status; return whether it is 2xx."""
    endpoint, body = delivery.endpoint, webhook_outbox.message_body(delivery)
    key = signing_keys.signing_key(endpoint.opaque_id, endpoint.key_number)
    headers = {"Content-Type": "application/json", "User-Agent": "Countersign"}
    headers |= signing_keys.signature(key, delivery.message_id, at, body)
    url = signing_keys.opened(endpoint.sealed_url, endpoint.opaque_id)
    delivery.status = http_client.post(url, body, headers)
    delivery.save(update_fields=["status"])
    return 200 <= delivery.status < 300


def _given_up(delivery: WebhookDelivery, error: str, now: datetime) -> str:
    """Give a message up. If no other message arrived since it was queued, pause the endpoint and notify its managers."""
    count = delivery_attempts.give_up(delivery, error)
    arrived = delivery.endpoint.deliveries.filter(state=DeliveryState.SENT, pk__gt=delivery.pk)
    if not arrived.exists():
        pause.when_due(delivery.endpoint, actor=Actor.of_job(JOB), now=now, why=error)
    return count


def _over(now: datetime) -> QuerySet[WebhookDelivery]:
    """Return old deliveries that were sent or given up, without the last one of each endpoint."""
    last = WebhookDelivery.objects.filter(endpoint=OuterRef("endpoint")).order_by("-pk").values("pk")[:1]
    done = WebhookDelivery.objects.filter(
        state__in=(DeliveryState.SENT, DeliveryState.FAILED), created_at__lt=now - KEPT, pk__lt=Subquery(last)
    )
    return done.order_by()


@transition(
    WebhookEndpoint,
    event="webhook.deliveries_forgotten",
    permission=Permission.WEBHOOK_FORGET,
    source=(WebhookState.ACTIVE, WebhookState.PAUSED, WebhookState.REMOVED),
)
def forget(step: Step[WebhookEndpoint]) -> Effect:
    """Delete the oldest delivered messages of an endpoint, in a batch that fits one transaction."""
    over = _over(step.now).filter(endpoint=step.subject).order_by("pk").values("pk")[:FORGOTTEN_AT_ONCE]
    count, _ = WebhookDelivery.objects.filter(pk__in=list(over.values_list("pk", flat=True))).delete()
    return Effect(payload={"deliveries": count, "before": (step.now - KEPT).isoformat()})


def forget_due(now: datetime) -> dict[str, int]:
    """Delete old deliveries of every endpoint; return the number of endpoints."""
    due, job = WebhookEndpoint.objects.filter(pk__in=_over(now).values("endpoint")), Actor.of_job(FORGET_JOB)
    return {"endpoints": forget.sweep(due, actor=job, now=now)}
