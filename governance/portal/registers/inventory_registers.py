"""Registers of automations, resources, identities and credentials."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Replace

from approvals.models import Grant, GrantKind, Submission
from approvals.models.submission import TO_NOTHING
from governance.core.access import Actor
from governance.core.models import Team
from governance.portal.registers.declarations import (
    PLATFORM,
    RISK,
    among_rows,
    answering,
    choices,
    class_filter,
    declare,
    number_of,
    owner_filter,
    text_case,
    visible_rows,
)
from governance.recertification.models import Item
from governance.web.pages.pager import CHOICES
from governance.web.registers.register import Filter, Register
from inventory import models
from inventory.models import Automation, Credential, NonHumanIdentity, Resource
from inventory.models.automation import automation_without_owner
from inventory.models.identity import identity_without_owner
from inventory.models.interim_owner import interim_condition, ownerless_condition
from inventory.models.resource import sees_whole_register

SOON = timedelta(days=30)


def _ids(actor: Actor) -> list[int]:
    return [actor.person.pk] if actor.person is not None else []


#: The submissions of an outer automation, the newest first.
_SUBMISSIONS = Submission.objects.filter(automation=OuterRef("pk")).order_by("-pk")
_OUTCOMES = _SUBMISSIONS.annotate(outcome=text_case((Q(state__in=TO_NOTHING), F("state")), default="draft"))
#: The state that pages show. A draft has the state of its last submission if that one was rejected, withdrawn or declined, or expired.
AUTOMATION_STATE = text_case(
    (Q(state="draft"), Coalesce(Subquery(_OUTCOMES.values("outcome")[:1]), Value("draft"))), default=F("state")
)
#: The assessment that is shown: of the approved version, as on the automation's page, else of the newest.
_ASSESSMENT = Subquery(
    models.Assessment.objects.filter(version__automation=OuterRef(OuterRef("pk")))
    .annotate(is_approved=Q(version=OuterRef(OuterRef("approved_version"))))
    .order_by("-is_approved", "-version__number", "-pk")
    .values("pk")[:1]
)
_CLOSED_ITEMS = Item.objects.filter(automation=OuterRef("pk"), state="closed").order_by("-closed_at")
#: Values of automations that are alike for all readers.
_AUTOMATION_VALUES: Final[dict[str, Any]] = {
    "last_state": Subquery(_SUBMISSIONS.values("state")[:1]),
    "last_at": Subquery(_SUBMISSIONS.values(at=Coalesce("ended_at", "submitted_at"))[:1]),
    "last_version": Subquery(_SUBMISSIONS.values("version__number")[:1]),
    "platform": PLATFORM,
    "held": number_of(Grant.objects.standing(), "automation"),
    "recertified": Subquery(_CLOSED_ITEMS.values("closed_at")[:1]),
    "findings": number_of(models.Finding.objects.filter(state="open"), "assessment", _ASSESSMENT),
}


def automations(actor: Actor, now: datetime) -> Register:
    """Automations with their last submission, reviews and findings."""
    me, ownerless = _ids(actor), automation_without_owner(now)
    filled = Team.objects.filter(Exists(Automation.objects.filter(team=OuterRef("pk")))).order_by("name")
    offered = filled.values_list("pk", "name")[:CHOICES] if sees_whole_register(actor, now) else ()
    teams = {str(pk): (name, Q(team=pk)) for pk, name in offered}
    return declare(
        "automation_list",
        visible_rows(Automation.objects.all(), actor, now),
        {state: Q(state=state) for state in ("live", "in_review", "suspended", "observed", "retired")}
        | {state: Q(shown_state=state, state="draft") for state in ("draft", *TO_NOTHING)},
        (
            RISK,
            owner_filter(among_rows(Automation.objects.answered_by(me, now)), ownerless),
            choices("kind", "Kind", models.AutomationKind.choices),
            choices("environment", "Environment", models.Environment.choices),
            Filter("team", "Team", {"mine": ("My team", Q(team__memberships__person__in=me)), **teams}),
            Filter("review", "Next review", {"30": ("Review in 30 days", Q(review_on__lte=(now + SOON).date()))}),
        ),
        state=AUTOMATION_STATE,
        references={"team": ("team", "team_name")},
        owner=answering("business_owner", now),
        **_AUTOMATION_VALUES,
    )


def resources(actor: Actor, now: datetime) -> Register:
    """Resources; orphaned ones and accepted proposals have states of their own (I3)."""
    me, ownerless = _ids(actor), among_rows(Resource.objects.ownerless(now))
    held = visible_rows(Grant.objects.standing(), actor, now, "automation")
    of_credentials = held.filter(kind=GrantKind.CREDENTIAL)
    accepted = Q(state="proposed", accepted_at__isnull=False)
    return declare(
        "resource_list",
        Resource.objects.visible_to(actor, now).resolved(),
        {state: Q(shown_state=state) for state in ("active", "orphaned", "proposed", "accepted", "retired")},
        (
            class_filter("data_class"),
            choices("kind", "Kind", models.ResourceKind.choices),
            owner_filter(
                Q(owner__in=me) | Q(deputy__in=me) | Q(named_owner__in=me) | interim_condition(me, now), ownerless
            ),
            choices("environment", "Environment", models.Environment.choices),
        ),
        state=text_case((accepted, "accepted"), (ownerless, "orphaned"), default=F("state")),
        references={"team": ("team", "team_name")},
        owner_name=answering("owner", now),
        offered=number_of(models.Entitlement.objects.all(), "resource"),
        held=number_of(held, "entitlement__resource")
        + number_of(of_credentials, "credential__opens")
        + number_of(of_credentials.exclude(credential__opens=F("approval__decided_on")), "approval__decided_on"),
    )


def identities(actor: Actor, now: datetime) -> Register:
    """Non-human identities (I5). The name of an automation that the reader may not see is left out."""
    me, served = _ids(actor), Q(automation__in=Automation.objects.visible_to(actor, now))
    return declare(
        "identity_list",
        NonHumanIdentity.objects.visible_to(actor, now),
        {state: Q(state=state) for state in models.IdentityState.values},
        (owner_filter(Q(owner__in=me) | interim_condition(me, now), identity_without_owner(now)),),
        owner_name=answering("owner", now),
        kind_words=Replace("kind", Value("_"), Value(" ")),
        automation_name=text_case((served, F("automation__name")), default=""),
    )


def credentials(actor: Actor, now: datetime) -> Register:
    """Credentials: their age, and whether their rotation is overdue (I6, I11)."""
    me = _ids(actor)
    rotated = Q(rotated_at__isnull=False, rotated_at__date__gte=F("rotation_due_on"))
    used = models.VersionCredential.objects.exclude(version__automation__state="retired").values("credential")
    overdue, expired = Q(rotation_due_on__lt=now.date()) & ~rotated, Q(expires_at__lte=now)
    return declare(
        "credential_list",
        Credential.objects.visible_to(actor, now),
        {state: Q(shown_state=state) for state in ("expired", "overdue", "current")},
        (
            choices("lifetime", "Lifetime", models.Lifetime.choices),
            Filter(
                "rotation",
                "Rotation",
                {
                    "due": ("Rotation overdue", overdue),
                    "planned": ("Rotation planned", Q(rotation_due_on__isnull=False) & ~overdue),
                    "none": ("No rotation date", Q(rotation_due_on=None)),
                },
            ),
            owner_filter(
                Q(owner__in=me) | interim_condition(me, now),
                Q(owner=None) | ownerless_condition("owner", now),
            ),
        ),
        state=text_case((expired, "expired"), (overdue, "overdue"), default="current"),
        references={"team": (lambda key: Q(pk__in=used.filter(version__automation__team=key)), Team.objects.all())},
        platform=PLATFORM,
        owner_name=answering("owner", now),
    )
