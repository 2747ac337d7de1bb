"""The timeline of one row: what happened to it and around it, in words, with names resolved beside the ledger (H3, H6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.db import models

from governance.controls import ledger
from governance.controls.actors import Actor
from governance.controls.keyed import sorted_by_key
from governance.controls.models import LedgerEvent, Person

#: Model and key of what an event is about (`ledger.name_of`).
Subject = tuple[str, str]
Said = Mapping[Subject, str]
NOTHING: Said = MappingProxyType({})
#: Facts of an event that its words may name beside ``{what}``.
FACTS = ("policy", "because")
#: Event to icon, tone, and what follows the actor's name; ``{what}`` is its subject in words (`NAMELESS` where the reader may not
#: see it), and any of `FACTS` what its payload says. What is missing is shown by the event's own words.
WORDS: dict[str, tuple[str, str, str]] = {
    "approval.approved": ("check", "ok", "approved {what}"),
    "approval.approved_by_policy": ("check", "ok", "{what} was approved by policy version {policy}"),
    "approval.third_asked": ("person", "wait", "{what} takes a third signature, from outside both teams"),
    "approval.signature_added": ("person", "wait", "{what} takes another signature by a rule that came later"),
    "approval.rejected": ("cross", "no", "refused {what}"),
    "approval.changes_asked": ("question", "ask", "asked for changes to {what}"),
    "approval.answered": ("speech", "ask", "answered about {what}"),
    "approval.retracted": ("undo", "wait", "took back what they had decided about {what}"),
    "approval.closed_again": ("undo", "", "{what} waits again"),
    "approval.opened": ("arrow", "acc", "{what} was opened"),
    "approval.closed": ("minus", "", "{what} is no question any more"),
    "approval.withdrawn": ("undo", "", "{what} was withdrawn with its submission"),
    "approval.expired": ("clock", "no", "{what} expired, nobody decided in time"),
    "approval.carried_over": ("arrow", "", "what was decided about {what} before carried over"),
    "approval.objected": ("warning", "wait", "objected to {what}"),
    "webhook.added": ("plus", "", "added a webhook"),
    "webhook.paused": ("ring", "wait", "paused a webhook"),
    "webhook.resumed": ("check", "ok", "resumed a webhook"),
    "webhook.removed": ("minus", "", "removed a webhook"),
    "webhook.key_renewed": ("pen", "", "renewed the key of a webhook"),
    "webhook.deliveries_forgotten": ("minus", "", "forgot what a webhook was told more than thirty days before"),
    "webhook.tested": ("arrow", "", "sent a test to a webhook"),
    "automation.registered": ("plus", "", "registered the automation"),
    "automation.amended": ("pen", "", "changed what is said about it"),
    "automation.found_alike": ("swap", "wait", "submitted it, and it may be the same as another"),
    "automation.said_same": ("swap", "", "said that it is the same as another"),
    "automation.told_apart": ("swap", "", "said that it is another one"),
    "automation.contact_erased": ("minus", "", "erased who its escalation contact was"),
    "automation.put_in_review": ("arrow", "acc", "it went into review"),
    "automation.sent_back": ("undo", "", "it is a draft again"),
    "automation.went_live": ("seal-full", "ok", "it went live"),
    "automation.stopped": ("ring-cross", "no", "stopped it"),
    "automation.suspended": ("ring-cross", "no", "suspended it"),
    "automation.resume_asked": ("question", "wait", "asked to lift the stop"),
    "automation.resumed": ("check", "ok", "lifted the stop"),
    "automation.retired": ("minus", "", "retired it"),
    "automation.reinstated": ("check", "ok", "it runs again after its review"),
    "automation.reviewed": ("check", "ok", "it was reviewed"),
    "automation.tier_raised": ("up", "high", "raised its risk tier"),
    "binding.confirmed": ("check", "ok", "confirmed what a connection opens"),
    "binding.refused": ("cross", "no", "said that a connection does not open it"),
    "binding.move_asked": ("question", "wait", "asked that a connection opens another resource"),
    "binding.moved": ("swap", "ok", "agreed that a connection opens another resource"),
    "binding.move_dropped": ("undo", "", "left a connection as it is"),
    "interim.named": ("person", "wait", "named who answers for it meanwhile"),
    "interim.confirmed": ("check", "ok", "confirmed who answers for it meanwhile"),
    "interim.dropped": ("cross", "no", "ended that somebody answers for it meanwhile"),
    "interim.ended": ("minus", "", "nobody answers for it meanwhile any more"),
    "automation.review_brought_forward": (
        "up",
        "high",
        "it comes up for review: what it does is riskier than was approved",
    ),
    "grant.tier_raised": ("up", "high", "the risk of {what} rose: its term is shorter, and it is reviewed"),
    "item.joined": ("arrow", "wait", "news joined the review of {what}"),
    "grant.set_to_lapse": ("clock", "", "let {what} end on its date"),
    "item.closed": ("minus", "", "the review of {what} was closed"),
    "item.escalated": ("up", "wait", "the review of {what} was passed up"),
    "item.opened": ("ring", "acc", "the review of {what} was opened"),
    "item.reopened": ("undo", "", "the review of {what} was opened again"),
    "item.settled": ("ring-check", "", "the review of {what} was settled"),
    "item.silence_suspended": ("ring-cross", "no", "suspended {what}: nobody answered its review"),
    "question.answered": ("speech", "ok", "answered in the review of {what}"),
    "question.corrected": ("pen", "", "corrected an answer about {what}"),
    "question.escalated": ("up", "wait", "the review of {what} was handed to somebody else"),
    "question.passed_on": ("arrow", "", "passed the review of {what} on"),
    "question.reassigned": ("person", "", "the review of {what} went to somebody else"),
    "question.reminded": ("mail", "", "who reviews {what} was reminded"),
    "binding.proposed": ("arrow", "", "said what a connection opens"),
    "credential.registered": ("key", "", "registered a credential"),
    "credential.amended": ("key", "", "a credential opens another resource now"),
    "credential.described": ("pen", "", "said how old a credential is and who answers for it"),
    "credential.reach_declared": ("key", "wait", "said what a credential opens"),
    "credential.kept_in_said": ("arrow", "", "said which store keeps a credential"),
    "credential.kept_in_confirmed": ("check", "ok", "confirmed that a store keeps a credential"),
    "credential.kept_in_refused": ("cross", "no", "said that a store does not keep a credential"),
    "control.said": ("check", "ok", "said that a control stands on what can be held"),
    "control.taken_back": ("undo", "wait", "took back that a control stands on what can be held"),
    "entitlement.added": ("plus", "", "added what can be held"),
    "grant.created": ("seal-full", "ok", "{what} is in force"),
    "grant.ended": ("minus", "", "ended {what}"),
    "grant.expired": ("clock", "", "the term of {what} is over"),
    "grant.revoked": ("cross", "no", "revoked {what}"),
    "grant.stopped": ("ring-cross", "no", "stopped {what}"),
    "grant.suspended": ("ring-cross", "no", "suspended {what}"),
    "grant.held_back": ("ring-cross", "no", "{what} is suspended until somebody has decided about it"),
    "grant.reinstated": ("check", "ok", "reinstated {what}"),
    "grant.succeeded": ("check", "ok", "renewed {what}"),
    "delegation.set": ("swap", "", "asked somebody to stand in"),
    "delegation.ended": ("undo", "", "took their decisions back"),
    "person.added": ("plus", "", "entered the person"),
    "person.signed_in": ("person", "", "signed in"),
    "person.password_set": ("key", "", "a password was set"),
    "person.second_factor_enrolled": ("key", "ok", "enrolled a second factor"),
    "person.second_factor_removed": ("key", "wait", "removed their second factor"),
    "person.recovery_codes_made": ("key", "", "got new recovery codes"),
    "token.made": ("key", "wait", "made a token"),
    "token.revoked": ("key", "ok", "revoked a token"),
    "person.left": ("minus", "wait", "recorded that the person left"),
    "person.erasure_asked": ("question", "wait", "asked that the person is erased"),
    "person.erasure_dropped": ("undo", "", "dropped that the person is erased"),
    "person.erased": ("minus", "no", "confirmed it: name, texts and keys are erased"),
    "policy.put_in_force": ("seal-full", "", "a policy came into force"),
    "proposal.made": ("question", "wait", "proposed it"),
    "proposal.amended": ("pen", "", "amended it"),
    "proposal.approved": ("check", "ok", "countersigned it"),
    "proposal.rejected": ("cross", "no", "rejected it"),
    "proposal.accepted": ("check", "ok", "accepted it"),
    "proposal.declined": ("cross", "no", "declined it"),
    "proposal.withdrawn": ("undo", "", "withdrew it"),
    "proposal.lapsed": ("clock", "no", "nobody answered it in time"),
    "resource.proposed": ("plus", "", "proposed the resource"),
    "resource.registered": ("plus", "", "registered the resource"),
    "resource.owner_named": ("person", "", "named an owner and a deputy"),
    "resource.ownership_accepted": ("check", "ok", "accepted to answer for it"),
    "resource.activated": ("seal-full", "ok", "put it to use"),
    "resource.amended": ("pen", "", "changed what is said about it"),
    "identity.registered": ("plus", "", "registered the identity"),
    "identity.handed_over": ("swap", "", "submitted what it serves from now on"),
    "role.bootstrapped": ("seal-full", "", "a first role was given"),
    "role.given": ("check", "ok", "accepted a role"),
    "role.given_back": ("undo", "", "a role that had ended at once is back"),
    "role.ended": ("minus", "", "ended a role"),
    "sample.noted": ("eye", "", "its source changed and stage 1 was not asked: noted, and drawn by chance"),
    "sample.noted_of_policy": ("eye", "", "policy approved {what}: noted, and drawn by chance"),
    "sample.drawn": ("eye", "", "whether somebody looks at {what} was drawn from the ledger's seal"),
    "sample.opened": ("eye", "acc", "{what} was drawn: somebody who is no party looks at it"),
    "sample.passed_on": ("person", "", "others were asked to look at {what}"),
    "sample.found_fine": ("check", "ok", "looked at {what}: fine"),
    "sample.found_not_fine": ("cross", "no", "looked at {what}: not fine"),
    "sample.lapsed": ("clock", "no", "nobody looked at {what} in time"),
    "sample.closed": ("minus", "", "nobody looks at {what} any more"),
    "team.founded": ("plus", "", "founded the team"),
    "team.joined": ("person", "", "added a member"),
    "team.leads_named": ("person", "", "named who leads it"),
    "team.left": ("minus", "", "ended a membership"),
    "submission.submitted": ("upload", "", "submitted a version"),
    "submission.commented": ("speech", "", "wrote a comment"),
    "submission.decided": ("seal-full", "acc", "everything is decided"),
    "submission.rejected": ("cross", "no", "the submission was refused"),
    "submission.put_in_force": ("seal-full", "ok", "what was approved is in force"),
    "submission.accepted": ("check", "ok", "accepted what was approved"),
    "submission.declined": ("cross", "", "declined what was approved"),
    "submission.expired": ("cross", "", "nobody accepted what was approved in time"),
    "submission.withdrawn": ("undo", "", "withdrew the submission"),
    "submission.left_light_path": ("arrow", "wait", "it left the light path, so people are asked: {because}"),
    "submission.passed_on": (
        "person",
        "wait",
        "others were asked to decide: whoever was asked before may not any more",
    ),
    "submission.deputies_asked": ("person", "", "half of the time was gone: the deputy was asked too"),
    "submission.parties_joined": ("person", "wait", "somebody became a party, and decides nothing in it any more"),
    "submission.tier_raised": ("up", "high", "its risk rose while it was under review: it needs more than was asked"),
    "submission.continued": ("arrow", "", "continued it with a newer version"),
    "version.imported": ("upload", "", "brought in a version"),
    "version.assessed": ("eye", "", "a version was assessed"),
    "version.registered_by_hand": ("pen", "", "described a version by hand"),
}

#: What a subject is called that has no words for this reader, by the first part of the event's name.
NAMELESS = {
    "approval": "a record",
    "grant": "a grant",
    "item": "something",
    "question": "something",
    "sample": "the change",
}

#: Events that follow from what somebody did: their words are sentences of their own, and name nobody.
OF_ITSELF = frozenset(
    {
        "approval.approved_by_policy",
        "approval.signature_added",
        "approval.third_asked",
        "approval.opened",
        "approval.closed",
        "approval.withdrawn",
        "approval.expired",
        "approval.carried_over",
        "automation.put_in_review",
        "automation.sent_back",
        "automation.went_live",
        "automation.reinstated",
        "automation.review_brought_forward",
        "automation.reviewed",
        "grant.created",
        "grant.expired",
        "grant.held_back",
        "grant.tier_raised",
        "interim.ended",
        "item.closed",
        "item.escalated",
        "item.joined",
        "item.opened",
        "item.reopened",
        "item.settled",
        "item.silence_suspended",
        "question.escalated",
        "question.reassigned",
        "question.reminded",
        "person.password_set",
        "role.bootstrapped",
        "role.given_back",
        "sample.closed",
        "sample.drawn",
        "sample.lapsed",
        "sample.noted",
        "sample.noted_of_policy",
        "sample.opened",
        "sample.passed_on",
        "submission.decided",
        "submission.deputies_asked",
        "submission.left_light_path",
        "submission.parties_joined",
        "submission.passed_on",
        "submission.put_in_force",
        "submission.rejected",
        "submission.tier_raised",
        "version.assessed",
    }
)

#: Follow-ups that say nothing a person needs beside the event that caused them.
QUIET = frozenset(
    {
        "grant.created",
        "approval.opened",
        "person.signed_in",
        "sample.drawn",
        "sample.noted_of_policy",
        "version.assessed",
        "binding.proposed",
        "credential.registered",
        "entitlement.added",
    }
)


@dataclass(frozen=True)
class Entry:
    """One line of a timeline.

    Args:
        at: business time.
        actor: who, by name; empty for a job.
        for_whom: whom they stood in for, by name.
        actor_id, for_id: their opaque ids: two people may have one name.
        text: what, to follow the actor's name.
        icon, tone: how it is drawn.
        code: the refusal's code, when it was tried and refused.
        reason: what the actor said.
    """

    at: datetime
    actor: str
    for_whom: str
    text: str
    icon: str
    tone: str
    code: str = ""
    reason: str = ""
    actor_id: str = ""
    for_id: str = ""


def names(ids: Iterable[str]) -> dict[str, str]:
    """Names of people by their opaque ids, in one query; an erased person has none (H6)."""
    wanted = {one for one in ids if len(one) == 36}
    if not wanted:
        return {}
    return {str(p.opaque_id): p.name for p in Person.objects.filter(opaque_id__in=wanted).only("opaque_id", "name")}


def said_of(verb: str, subject: str, payload: Mapping[str, Any] = MappingProxyType({})) -> str:
    """What follows the actor's name in a timeline.

    Args:
        verb: the event's name.
        subject: what it is about in words, or nothing where the reader may not see it.
        payload: the event's facts.
    """
    text = WORDS[verb][2] if verb in WORDS else verb.replace(".", " ").replace("_", " ")
    facts = {name: payload.get(name, "") for name in FACTS}
    return text.format(what=subject or NAMELESS.get(verb.partition(".")[0], "it"), **facts)


def subjects_of(
    events: Iterable[LedgerEvent], said: Said, actor: Actor | None, now: datetime | None
) -> dict[Subject, str]:
    """What the reader may read of the events' subjects, in words: one query a model that has words for itself.

    Such a model answers ``in_words(keys, actor, now)``; it is not asked for what is said already.
    """
    if actor is None or now is None:
        return {}
    wanted: dict[str, set[int]] = {}
    for event in events:
        if event.subject_id.isdecimal() and (event.subject_type, event.subject_id) not in said:
            wanted.setdefault(event.subject_type, set()).add(int(event.subject_id))
    found = dict(said)
    for label, keys in wanted.items():
        ask = getattr(apps.get_model(label), "in_words", None)
        if ask is not None:
            found |= {(label, str(pk)): words for pk, words in ask(keys, actor, now).items()}
    return found


def entries(
    row: models.Model,
    *,
    limit: int = 50,
    quiet: bool = False,
    people: Iterable[Person] = (),
    said: Said = NOTHING,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> list[Entry]:
    """The newest events about a row, newest first: a number of queries that none of them adds to.

    Args:
        row: whose timeline it is.
        limit: how many events.
        quiet: whether follow-ups are shown too.
        people: whom the caller has read already; names are asked for only where somebody else acted.
        said: what the caller has read already and the reader may see, in words.
        actor, now: who reads, and when; without them no subject is called by its own words.
    """
    found = LedgerEvent.objects.filter(about__contains=ledger.about(row)).select_related("reason")
    if not quiet:
        found = found.exclude(verb__in=QUIET, outcome="done")
    events = list(sorted_by_key(found, newest_first=True)[:limit])
    known = {str(person.opaque_id): person.name for person in people}
    others = {one for event in events for one in (event.actor_id, event.for_id) if one not in known}
    known |= names(others)
    subjects = subjects_of(events, said, actor, now)
    return [_entry(event, known, subjects.get((event.subject_type, event.subject_id), "")) for event in events]


def _entry(event: LedgerEvent, known: dict[str, str], subject: str) -> Entry:
    icon, tone, _ = WORDS.get(event.verb, ("arrow", "", ""))
    text = said_of(event.verb, subject, event.payload)
    actor = known.get(event.actor_id, "" if event.actor_kind == "job" else "Somebody")
    for_whom = known.get(event.for_id, "")
    reason = event.reason.shown if event.reason is not None else ""
    if event.outcome == "refused":
        what = event.verb.partition(".")[2].replace("_", " ")
        text, icon, tone = f"was refused ({what}{f': {subject}' if subject else ''})", "lock", "no"
    elif event.verb in OF_ITSELF:
        actor = for_whom = ""
    elif event.payload.get("token"):
        text = f"{text} with a token"
    who = {"actor_id": event.actor_id, "for_id": event.for_id}
    return Entry(event.at, actor, for_whom, text, icon, tone, event.code, reason, **who)


def shapes(
    row: models.Model,
    *,
    reader: Person | None,
    limit: int = 50,
    quiet: bool = False,
    people: Iterable[Person] = (),
    said: Said = NOTHING,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> list[dict[str, Any]]:
    """The timeline as ``components/timeline.html`` takes it; the reader is "You". For the rest see `entries`."""
    return shaped(entries(row, limit=limit, quiet=quiet, people=people, said=said, actor=actor, now=now), reader=reader)


def shaped(found: Iterable[Entry], *, reader: Person | None) -> list[dict[str, Any]]:
    """Lines of a timeline as ``components/timeline.html`` takes them."""
    me = str(reader.opaque_id) if reader is not None else ""
    return [
        {
            "icon": one.icon,
            "tone": one.tone,
            "actor": ("You" if one.actor and one.actor_id == me else one.actor)
            + (f" for {'you' if one.for_id == me else one.for_whom}" if one.for_whom else ""),
            "text": (one.text.replace("was ", "were ", 1) if one.code and one.actor_id == me else one.text)
            + (f": “{one.reason}”" if one.reason else ""),
            "at": one.at,
            "code": one.code,
        }
        for one in found
    ]
