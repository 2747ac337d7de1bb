"""What endpoints were told is forgotten after its days, and the ledger says how much that was (H7).

A delivery holds names, an event and a page, and says whether it arrived: of use while somebody looks for why it did not. The last one of
each endpoint stays: by it the sender knows whether anything arrives there.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery

from governance.core.actors.actor import Actor
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookState
from governance.core.roles.roles import Permission

JOB = "controls.forget"
#: As long as drafts and previews are kept.
KEPT = timedelta(days=30)
#: Of one endpoint in one transaction; the next sweep goes on.
MOST = 5_000


def _over(now: datetime) -> QuerySet[WebhookDelivery]:
    """What has been sent or given up and is old enough, but for the last of each endpoint."""
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
    over = _over(step.now).filter(endpoint=step.subject).order_by("pk").values("pk")[:MOST]
    count, _ = WebhookDelivery.objects.filter(pk__in=list(over.values_list("pk", flat=True))).delete()
    return Effect(payload={"deliveries": count, "before": (step.now - KEPT).isoformat()})


def forget_due(*, now: datetime) -> dict[str, int]:
    """Do so for every endpoint that has such; returns for how many."""
    counts = Counter[str]()
    due = WebhookEndpoint.objects.filter(pk__in=_over(now).values("endpoint")).order_by("pk")
    for endpoint in due:
        counts["endpoints"] += forget.when_due(endpoint, actor=Actor.of_job(JOB), now=now)
    return dict(counts)
