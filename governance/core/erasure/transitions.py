"""Erase a person: two admins destroy names, texts and keys. Ledger and duties stay (H6).

Kept rows refer to them by id: the ledger by the opaque id, parties, decisions and candidates by the id of their row. An erasure destroys
name, mail address and title; their texts, sign-in data and drafts; and mails to them. Texts of others stay without their name. Higher
apps erase their own rows as handlers of `FORGETTING`, such as `inventory.ownership.erasure`.

Texts of automations and resources stay, such as a purpose or a target, because they are frozen parts of a decision (A1).

Digests remind admins of erasures that wait for a second admin.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from governance.core.access import Actor, Permission, Refusal, Role, duty, refuse
from governance.core.engine import hooks
from governance.core.engine.transition import Effect, Step, transition
from governance.core.erasure.redaction import KnownAs
from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import ApiToken, Erasure, FreeText, LedgerEvent, Notice, Person, UnwantedMail
from governance.core.models.row_protection import ERASED_NAME
from governance.core.notices import outbox
from governance.core.texts import free_text

#: The event for higher apps: ``handler(known_as, step)`` runs in the same transaction, before the names are destroyed.
FORGETTING = "person.erasing"


@duty("STATE", rule="H6")
def requires_left(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Only somebody who has left is erased."""
    if subject.left_at is None:
        return Refusal("STATE", "state", f"{subject.name} is here.", "Record first that they left.")
    return None


@duty("STATE", rule="H6", backed_by=("erasure_once_at_a_time",))
def not_asked(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Somebody is erased once."""
    row = subject.erasures.filter(dropped_at__isnull=True).first()
    if row is None:
        return None
    if row.confirmed_at is not None:
        return Refusal("STATE", "state", "This person was erased already.")
    return Refusal("STATE", "state", "This was asked for already.", "A second admin confirms it.")


@duty("STATE", rule="H6")
def awaits(subject: Erasure, actor: Actor, now: datetime) -> Refusal | None:
    """An erasure is confirmed or dropped once."""
    return None if subject.is_open else Refusal("STATE", "state", "This was confirmed or dropped already.")


@duty("H6", backed_by=("erasure_nobody_themself",))
def not_oneself(subject: Person | Erasure, actor: Actor, now: datetime) -> Refusal | None:
    """Nobody erases themself."""
    person_id = subject.pk if isinstance(subject, Person) else subject.person_id
    if any(acting.pk == person_id for acting in actor.people):
        return Refusal("H6", "duty", "This is about yourself.", "Ask another governance admin.")
    return None


@duty("H6", backed_by=("erasure_second_admin_confirms",))
def second_admin(subject: Erasure, actor: Actor, now: datetime) -> Refusal | None:
    """An erasure is confirmed by an admin who did not ask for it."""
    if any(acting.pk == subject.asked_by_id for acting in actor.people):
        return Refusal("H6", "duty", "You asked for this; a second admin confirms it.", "Ask another governance admin.")
    return None


@duty("H6")
def in_person(subject: object, actor: Actor, now: datetime) -> Refusal | None:
    """Nobody erases while standing in for another, who might confirm it too."""
    if actor.standing_for is not None:
        return Refusal("H6", "duty", "Nobody is erased in somebody else's place.", "Act as yourself.")
    return None


@transition(
    Person,
    event="person.erasure_asked",
    permission=Permission.PERSON_ERASE,
    duties=[requires_left, not_asked, not_oneself, in_person],
    reason_needed=True,
)
def ask_erasure(step: Step[Person], *, named: str) -> Effect:
    """Ask for the erasure of a leaver, as an admin who types their name. A second admin confirms it."""
    _check_named(step.subject, named)
    made = Erasure(person=step.subject, asked_by=step.actor.person, asked_at=step.now)
    step.save(made)
    others = Person.objects.with_role(Role.ADMIN, step.now).exclude(pk__in=[person.pk for person in step.actor.people])
    by = step.actor.person.name if step.actor.person else ""
    context, thread = {"by": by, "page": ["person", step.subject.pk]}, f"erasure:{made.pk}"
    # Without their name: a mail that is out is not erased.
    outbox.notify(others, "erasure_asked", thread=thread, key="asked", now=step.now, context=context)
    return Effect(subject=made, payload={"person": str(step.subject.opaque_id)})


@transition(Erasure, event="person.erasure_dropped", permission=Permission.PERSON_ERASE, duties=[awaits, in_person])
def drop_erasure(step: Step[Erasure]) -> Effect:
    """Cancel a requested erasure, as an admin. The person stays as they are."""
    step.subject.dropped_at = step.now
    step.save(step.subject)
    return Effect(payload={"person": str(step.subject.person.opaque_id)})


@transition(
    Erasure,
    event="person.erased",
    permission=Permission.PERSON_ERASE,
    duties=[awaits, not_oneself, second_admin, in_person],
    parents=("person",),
)
def erase(step: Step[Erasure], *, named: str) -> Effect:
    """Confirm an erasure, as a second admin. The leaver's names, texts and keys are destroyed and can't be restored."""
    person = step.subject.person
    _check_named(person, named)
    step.subject.confirmed_by, step.subject.confirmed_at = step.actor.person, step.now
    step.save(step.subject)
    known_as = KnownAs.load(person)
    hooks.follow(FORGETTING, known_as, step)
    _forget_texts(known_as, step.now)
    _forget_notices(known_as)
    _forget_person(person, step)
    return Effect(subject=person, payload={"person": str(person.opaque_id)})


def _check_named(person: Person, typed: str) -> None:
    """The admin who asks or confirms types the name, because an erasure can't be undone and a list may hold similar names.

    Raises:
        InvalidInput: it is not the name. The typed text is not stored.
    """
    if " ".join(typed.split()) != " ".join(person.name.split()):
        raise refuse(Refusal("NAME", "input", f"This is not their name: type “{person.name}”."))


def _forget_texts(known_as: KnownAs, now: datetime) -> None:
    """Destroy the person's texts, found by their events, and remove their name from other people's texts."""
    own_events = LedgerEvent.objects.filter(actor_id=str(known_as.person.opaque_id), reason__isnull=False)
    free_text.erase(FreeText.objects.filter(pk__in=own_events.order_by().values("reason")), now=now)
    for row in FreeText.objects.filter(known_as.may_be_in("text")).order_by("pk").iterator():
        left = known_as.without(row.text)
        if left != row.text:
            free_text.erase_from(row, left, now=now)


def _forget_notices(known_as: KnownAs) -> None:
    """Empty the notices to the person, and remove their name from other people's notices and kept mails."""
    rendered = ("subject", "text", "html", "dates")
    nothing: dict[str, Any] = {"context": {}, **dict.fromkeys(rendered, "")}
    Notice.objects.filter(recipient=known_as.person).update(**nothing)
    UnwantedMail.objects.filter(person=known_as.person).delete()
    others = Notice.objects.annotate(facts=Cast("context", TextField()))
    told_by: set[int | None] = set()  # digests, which come after their notices
    for notice in others.filter(known_as.may_be_in("facts", *rendered)).order_by("pk").iterator():
        context = known_as.without_in(notice.context)
        is_named = context != notice.context or notice.pk in told_by
        if is_named:
            told_by.add(notice.digest_id)
        left = {name: known_as.without(getattr(notice, name), alone=is_named) for name in rendered}
        if is_named:
            left["dates"] = ""  # its lines are folded anywhere, in a name too
        Notice.objects.filter(pk=notice.pk).update(context=context, **left)


def _forget_person(person: Person, step: Step[Erasure]) -> None:
    """Replace the person's fields by values without a person. Their history holds none of the erased values."""
    person.name, person.email, person.title, person.time_zone = ERASED_NAME, "", "", ""
    person.subject = f"erased:{person.opaque_id}"
    person.set_unusable_password()
    person.last_login = None
    ApiToken.objects.filter(person=person).update(name="")  # the name of a token; its history never held it
    step.save(person)


def register() -> None:
    """Register the reader of these digest lines."""
    daily_digest.register(open_erasures, "erasure_asked")


def open_erasures(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Return the open erasures of a digest, if the person is still an admin."""
    if not Person.objects.with_role(Role.ADMIN, now).filter(pk=person.pk).exists():
        return {}
    requested = Erasure.objects.filter(confirmed_at__isnull=True, dropped_at__isnull=True)
    rows = requested.filter(pk__in=daily_digest.keys(threads)).order_by("pk")
    return {f"erasure:{pk}": Line() for pk in rows.values_list("pk", flat=True)}
