"""Who asks in ``addresses.csv``, about what, and with which form: one company in which every address has something to show.

Everything is reached by the product's own operations. Who is who: `PEOPLE`. A line's subject is a row of `Portal.rows`; which
arguments an address takes from it, and what a POST sends, stand here and nowhere in the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts.rule_language.rule import parse_text
from approvals.conflicts.views import rule_edit as rule_pages
from approvals.decisions.transitions import decide
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import stops
from approvals.models import (
    Approval,
    Conflict,
    ConflictRule,
    Grant,
    HeldBatch,
    PolicyVersion,
    Proposal,
    RevocationTask,
    SavedView,
    Submission,
)
from approvals.policies import document as policy_document
from approvals.proposals import transitions as proposal_transitions
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.erasure.transitions import ask_erasure
from governance.core.models import Delegation, Membership, Notice, Person
from governance.core.notices import outbox
from governance.core.roles.roles import Role
from governance.core.tokens import transitions as token_transitions
from governance.core.webhooks import transitions as webhook_transitions
from governance.portal.lists import uploads
from governance.recertification.campaigns.scope import Scope
from governance.recertification.models import AnswerKind, Asks, Item
from governance.web.requests.middleware import SIGNED_IN_AT
from inventory.automations.transitions import lifecycle, transfers
from inventory.credentials import transitions as credential_transitions
from inventory.imports.transitions import previews
from inventory.models import Automation, ImportBatch, ImportItem, InterimOwner, NonHumanIdentity, Resource
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.transitions import bindings, incidents, resources
from tests import people, scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.intake.builder import Build, connect, of_its_own
from tests.approvals.light_path.spot_checks import drawn_of_its_own
from tests.approvals.proposals.policy_proposals import changed, looser, propose
from tests.approvals.stock_report import privilege_on
from tests.matrix import cast_and_states, core_states
from tests.matrix.cast_and_states import World
from tests.people import as_delegate, give_role, make_person
from tests.recertification.campaign_steps import ordered
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import opened, opens_at, question, submit_answer
from tests.signed_in_client import client_of

LIST = b"team\nLogistics\n"
#: Everybody who asks. Resources are Omar's, with Amara as deputy; the automations belong to Finance Operations.
PEOPLE = {
    "anonymous": "nobody is signed in",
    "nobody": "signed in, in no team and without a role",
    "builder": "Bea, who brings in and submits",
    "team_lead": "Theo, who approves the apps",
    "business_owner": "Jonas",
    "technical_owner": "Piet, of the team above and a builder there",
    "resource_owner": "Omar",
    "resource_deputy": "Amara",
    "delegate_of_owner": "Tom, Omar's delegate; eligible as a fallback owner",
    "other_lead": "Nadia, who leads a team that has nothing to do with it",
    "security": "Sana",
    "admin": "Ines, who registers resources and proposes roles",
    "other_admin": "Karl",
    "auditor": "Yuki, who is staff too: the read-only admin is for her",
    "on_call": "Olga, on call and in no team",
    "left": "Lars, builder of the team until he left; his session was never closed",
    "superuser": "Root, staff and superuser, without any role",
    "every_role": "Eve, with every role, in no team and no relation",
}

#: How long ago what is under review came into force.
HELD_FOR = timedelta(days=160)


@dataclass
class Portal:
    """The company with a browser for everybody.

    Args:
        world: the people and resources of the matrix.
        clients: a signed-in client for each of `PEOPLE`.
        rows: a line's subject, by its name in the table.
        typed: the preview's form, filled in.
        bound: the row of the preview whose connection is chosen anew.
        shown: pages by path; the instant stands still and all writes are undone, so they stay valid.
    """

    world: World
    clients: dict[str, Client]
    rows: dict[str, Any]
    typed: dict[str, Any]
    bound: str = ""
    shown: dict[tuple[str, str], Any] = field(default_factory=dict)

    def path(self, address: str, subject: str) -> str:
        """Where an address leads for a subject."""
        row = self.rows.get(subject)
        if address in UNNAMED:
            return UNNAMED[address]
        made = ARGUMENTS.get(address)
        arguments = made(self, row) if made is not None else [row.pk] if row is not None else []
        return reverse(address, args=arguments) + QUERIES.get(address, "")

    def form(self, address: str, subject: str) -> Mapping[str, Any]:
        """The fields of a POST to an address: those of a person who may do it."""
        made = FORMS.get(address)
        return made(self, self.rows.get(subject)) if made is not None else {"reason": "A reason."}


def build() -> Portal:
    """The company, at the instant `tests.people.NOW`."""
    w = cast_and_states.build(people.build())
    _more_people(w)
    delegation = _delegation(w)
    clients = {who: _browser(w.people[who]) for who in PEOPLE if who != "anonymous"} | {"anonymous": Client()}
    record_leaver(w.people["left"], actor=w.actor("admin"), now=w.now, reason="A new job.")
    connect(w.company, of_its_own(stock_report.EXPORT, "preview"))
    builder = Build(clients["builder"], w.people["builder"])
    preview = builder.import_item(content=of_its_own(stock_report.EXPORT, "preview"))
    upload = _uploaded(w)
    rows = {
        "delegation": delegation,
        "saved_view": SavedView.objects.create(person=w.people["team_lead"], name="Risky", query="tier=high"),
        "token": _token(w),
        "session": UserSession.objects.create(
            user=w.people["builder"], ip="192.0.2.1", session_key="x" * 32, user_agent="Firefox"
        ),
        "linked_account": core_states.linked(w),
        "preview": preview,
        "upload": upload,
        **_people_rows(w),
        **_resources(w),
        **_submissions(w),
    }
    rows |= {**_live(w), **_without_owner(w), "below": _below(w)}
    rows |= _in_conflict(w, rows["live"])
    rows |= _ended(w)
    rows["identity"] = NonHumanIdentity.objects.create(
        kind="spiffe", issuer="x", subject="spiffe://x/report", owner=rows.pop("gone"), automation=rows["live"]
    )
    rows |= {
        "first_policy": PolicyVersion.objects.get(number=1),
        "proposal": _proposal(w),
        "proposed_rule": _proposed_rule(w),
        "fallback": w.northwind.fallback,
    }
    mine = {"recipient": w.people["resource_owner"], "event": "commented", "thread": "submission:1", "key": "own"}
    (rows["own_notice"],) = outbox.queue([outbox.notice(**mine, now=w.now)])
    rows["notice"] = Notice.objects.order_by("pk")[0]
    Notice.objects.filter(pk=rows["notice"].pk).update(
        html="<!doctype html><title>Sent</title>", dates="BEGIN:VCALENDAR\r\n"
    )
    typed = builder.typed(preview, w.people["business_owner"])
    bound = next(name.removeprefix("why-") for name in typed if name.startswith("why-"))
    return Portal(w, clients, rows, typed, bound)


def _proposal(w: World) -> Proposal:
    """A policy that *admin* proposed, counted already."""
    return propose(w.people["admin"], looser(), now=w.now)


def _proposed_rule(w: World) -> Proposal:
    """A conflict rule that *admin* proposed."""
    row = Proposal(kind="conflict_rule", target="two-and-payment")
    document = {"rule": parse_text(rule_pages.BLANK.replace("vendor-and", "two-and")).to_dict()}
    return proposal_transitions.propose(
        row, actor=w.actor("admin"), now=w.now, reason="It happened.", document=document
    )


def _uploaded(w: World) -> ImportBatch:
    """Two automations that the builder has read, and a file that could not be."""
    files = [(f"{word}.json", of_its_own(stock_report.EXPORT, word)) for word in ("first", "second")]
    actor = w.actor("builder")
    return previews.preview([*files, ("broken.json", b"{")], actor=actor, now=w.now, team=w.northwind.finance_ops)


def _browser(person: Person) -> Client:
    """A client in a session of this person that stands in its cookie alone."""
    client = client_of(person)
    session = client.session
    session[SIGNED_IN_AT] = int(time.time())
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key or ""
    return client


def _more_people(w: World) -> None:
    n = w.northwind
    w.people = {**w.people, "nobody": make_person("Nora Nemo"), "left": make_person("Lars Holm")}
    w.people |= {"delegate_of_owner": n.tom, "other_lead": n.nadia}
    Membership.objects.create(team=n.finance_ops, person=w.people["left"])
    give_role(w.people["left"], Role.BUILDER, admins=(n.ines, n.karl))
    n.yuki.is_staff = True
    n.yuki.save()


def _delegation(w: World) -> Delegation:
    as_delegate(w.people["delegate_of_owner"], giver=w.people["resource_owner"])
    return Delegation.objects.get(giver=w.people["resource_owner"])


def _token(w: World) -> Model:
    """The builder's, for a pipeline of their team."""
    fields = {"name": "Deploy", "secret": token_transitions.new_secret(), "days": 30, "team": w.northwind.finance_ops}
    return token_transitions.make_token(w.people["builder"], actor=w.actor("builder"), now=w.now, **fields)


def _people_rows(w: World) -> dict[str, Model]:
    n = w.northwind
    held = give_role(n.mei, Role.ON_CALL, admins=(n.ines, n.karl), now=w.now)
    leavers = [make_person(name) for name in ("Ada Gone", "Ole Gone")]
    for leaver in leavers:
        record_leaver(leaver, actor=w.actor("admin"), now=w.now, reason="A new job.")
    ask_erasure(leavers[1], actor=w.actor("admin"), now=w.now, reason="He wants it.", named=leavers[1].name)
    rows: dict[str, Model] = {"leaver": leavers[0], "erasure": leavers[1].erasures.get()}
    fields = {"url": "https://hooks.example.com/a", "shape": "json", "events": ["submission.submitted"]}
    webhooks = [
        webhook_transitions.add_webhook(n.people_team, actor=w.actor("admin"), now=w.now, **fields) for _ in range(2)
    ]
    rows |= {
        "webhook": webhooks[0],
        "paused_webhook": webhook_transitions.pause(webhooks[1], actor=w.actor("admin"), now=w.now),
    }
    lists = uploads.preview([("teams.csv", LIST)], actor=w.actor("admin"), now=w.now)
    named = {"colleague": n.grace, "held_role": held, "team": n.marketing, "led_team": n.people_team, "lists": lists}
    return {**named, **rows}


def _resources(w: World) -> dict[str, Any]:
    """One in use, one whose owner is named, one whose owner has accepted; and a connection that another's owner asks for."""
    rows: dict[str, Any] = {"active": w.company.slack}
    for name in ("named", "accepted"):
        rows[name] = resources.register_resource(
            w.northwind.platform,
            actor=w.actor("admin"),
            now=w.now,
            fields={"name": f"Warehouse, {name}", "kind": "data_store", "data_class": "internal"},
            owner=w.people["resource_owner"],
            deputy=w.people["resource_deputy"],
        )
    resources.accept_ownership(rows["accepted"], actor=w.actor("resource_owner"), now=w.now)
    connection = {"connector": "slack", "instance": "abc"}
    bindings.bind_connection(w.company.slack, actor=w.actor("resource_owner"), now=w.now, **connection)
    rows["moving"] = bindings.request_move(
        w.company.drive, actor=people.as_actor(w.northwind.mei), now=w.now, **connection
    )
    host = "files.example"
    bindings.bind_connection(
        w.company.slack, actor=w.actor("resource_owner"), now=w.now, connector="slack", instance=host
    )
    mei = people.as_actor(w.northwind.mei)
    rows["claimed"] = bindings.bind_connection(
        w.company.drive, actor=mei, now=w.now, connector="httpRequest", instance=host
    )
    rows["incident"] = incidents.declare_incident(
        w.company.erp,
        actor=people.as_actor(w.northwind.sana),
        now=w.now,
        reason="A folder was shared.",
        reference="INC-1",
        until=w.now + timedelta(days=7),
    )
    return rows | _credentials(w)


def _credentials(w: World) -> dict[str, Any]:
    """Credentials of a builder's draft: one without details, and one that names a store."""
    owner, deputy = w.people["resource_owner"], w.people["resource_deputy"]
    store = scenarios.resource(w.northwind, "Vault", "secret_store", "restricted", owner, deputy, w.northwind.platform)
    content = of_its_own(stock_report.EXPORT, "described")
    used = scenarios.brought_in(w.company, stock_report.EXPORT, by=w.people["builder"], content=content, **_owners(w))
    plain, claimed = (
        used.version_credentials.get(credential__opens=on).credential for on in (w.company.erp, w.company.slack)
    )
    credential_transitions.claim_store(claimed, actor=w.actor("builder"), now=w.now, store=store)
    return {"store": store, "credential": plain, "said": claimed}


def _without_owner(w: World) -> dict[str, Any]:
    """Two resources of the deputy's team whose owner has left, one with somebody named for it; what runs as whose owner has too."""
    gone, n = make_person("Uwe Gone"), w.northwind
    drawn, named = (
        scenarios.resource(
            n, f"Archive, {word}", "data_store", "internal", gone, w.people["resource_deputy"], n.platform
        )
        for word in ("ownerless", "named")
    )
    record_leaver(gone, actor=w.actor("admin"), now=w.now, reason="A new job.")
    ownership_transitions.NAME_INTERIM["resource"](
        Resource.objects.get(pk=named.pk), actor=w.actor("resource_deputy"), now=w.now, person=w.people["other_lead"]
    )
    return {"ownerless": drawn, "interim": InterimOwner.objects.get(), "gone": gone}


def _owners(w: World) -> dict[str, Person]:
    return {"business_owner": w.people["business_owner"], "technical_owner": w.people["technical_owner"]}


def _submitted(w: World, word: str, *, ago: timedelta = timedelta()) -> Submission:
    """The stock report of an n8n of its own, submitted by its builder: stage 1 is open."""
    content = of_its_own(stock_report.EXPORT, word)
    version = scenarios.brought_in(
        w.company, stock_report.EXPORT, by=w.people["builder"], content=content, **_owners(w)
    )
    return scenarios.submitted(w.company, version, by=w.people["builder"], now=w.now - ago)


def _in_stage_2(w: World, word: str) -> Submission:
    made = _submitted(w, word)
    scenarios.approve(scenarios.app_of(made), w.people["team_lead"], now=w.now)
    return made


def _submissions(w: World) -> dict[str, Any]:
    """In stage 1; in stage 2 with one record sent back; decided with one refused; and an automation that was stopped."""
    open_app, in_stage_2, decided = _submitted(w, "app"), _in_stage_2(w, "open"), _in_stage_2(w, "decided")
    sent_back = privilege_on(in_stage_2, w.company.erp)
    decide.ask_for_changes(
        sent_back, actor=w.actor("resource_owner"), now=w.now, reason="Why?", shown_digest=scenarios.shown(sent_back)
    )
    scenarios.reject(privilege_on(decided, w.company.slack), w.people["resource_owner"], now=w.now)
    stock_report.decide_rest(w.company, decided)
    stopped = scenarios.decide_all(w.company, _submitted(w, "stopped")).automation
    stopped = Automation.objects.get(pk=stopped.pk)
    pressed = stops.stop_automation(stopped, actor=w.actor("business_owner"), now=w.now)
    moving = Automation.objects.get(pk=scenarios.decide_all(w.company, _submitted(w, "moving")).automation.pk)
    request = {"team": w.northwind.people_team, "reason": "They use it."}
    return {
        "transfer": transfers.request_transfer(moving, actor=w.actor("team_lead"), now=w.now, **request),
        "drawn": drawn_of_its_own(w.company, "drawn", by=w.people["builder"], **_owners(w)),
        "open_app": open_app,
        "app_record": scenarios.app_of(open_app),
        "waiting_record": privilege_on(open_app, w.company.slack),
        "open": in_stage_2,
        "open_record": privilege_on(in_stage_2, w.company.slack),
        "asked_record": sent_back,
        "decided": decided,
        "stopped": Automation.objects.get(pk=stopped.pk),
        "stop": pressed,
    }


def _below(w: World) -> Automation:
    """An automation that was tried in test, and is not in production yet."""
    content = of_its_own(stock_report.EXPORT, "below")
    fields = {"environment": "test", **_owners(w)}
    return scenarios.brought_in(
        w.company, stock_report.EXPORT, by=w.people["builder"], content=content, **fields
    ).automation


def _live(w: World) -> dict[str, Any]:
    """An automation in force, two of its grants under review: one unanswered, one revoked by the resource's owner."""
    submission = _submitted(w, "live", ago=HELD_FOR)
    scenarios.decide_all(w.company, submission, now=w.now - HELD_FOR)
    held = Grant.objects.filter(automation=submission.automation)
    grant = held.get(entitlement__resource=w.company.erp)
    item = opened(grant, opens_at(grant))
    other = held.get(entitlement__resource=w.company.slack)
    revoked = opened(other, opens_at(other))
    submit_answer(question(revoked, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=w.now - timedelta(hours=1))
    live = Automation.objects.get(pk=submission.automation_id)
    same = Item.objects.get(pk=item.pk)
    rows = {"live": live, "grant": grant, "needed_item": item, "acceptable_item": same, "revoked_item": revoked}
    opening = ordered(Scope(about="automations"), by=w.people["second_security"], now=w.now, name="Being opened")
    return {**rows, "campaign": item.campaign, "opening": opening}


def _ended(w: World) -> dict[str, Any]:
    """A revocation by an automation's owner, to be removed in the target system."""
    submission = _submitted(w, "ended", ago=HELD_FOR)
    scenarios.decide_all(w.company, submission, now=w.now - HELD_FOR)
    held = Grant.objects.filter(automation=submission.automation_id).earliest("pk")
    transition_lifecycle.revoke(held, actor=w.actor("business_owner"), now=w.now, reason="Not needed.")
    task = RevocationTask.objects.get(grant=held)
    return {"revocation": task, "batch": _held_back(w)}


def _held_back(w: World) -> HeldBatch:
    """Grants of an automation of its own that a retirement would end all at once."""
    submission = _submitted(w, "much", ago=HELD_FOR)
    scenarios.decide_all(w.company, submission, now=w.now - HELD_FOR)
    low_grants(submission, 12, begins_at=w.now - timedelta(days=1))
    automation = Automation.objects.get(pk=submission.automation_id)
    lifecycle.retire(automation, actor=w.actor("business_owner"), now=w.now, reason="Replaced.")
    return HeldBatch.objects.get()


def _in_conflict(w: World, live: Automation) -> dict[str, Any]:
    """A rule that what is in force breaks, found by a scan; a waiver of it asked for, and of another granted."""
    for code in ("read-and-tell", "tell-and-read", "tell-once-more"):
        conflict_rules.rule(on(w.company.erp), on(w.company.slack), code=code, now=w.now - HELD_FOR)
    conflict_jobs.scan_all(w.now, Actor.of_job(conflict_jobs.JOB))
    waiver, other = (
        waiver_transitions.ask_waiver(
            live,
            actor=w.actor("business_owner"),
            now=w.now,
            reason="The report is due.",
            code=code,
            subject_id=live.pk,
            control="Somebody reads every post.",
            days=30,
        )
        for code in ("tell-once-more", "tell-and-read")
    )
    granted = waiver_transitions.grant_waiver(other, actor=w.actor("second_security"), now=w.now, reason="For now.")
    rule = ConflictRule.objects.get(code="read-and-tell")
    conflict = Conflict.objects.get(code="read-and-tell", subject=live.pk)
    return {"conflict": conflict, "rule": rule, "waiver": waiver, "granted": granted}


# --- addresses ----------------------------------------------------------------------------------------------------------


def _of_record(portal: Portal, record: Approval) -> list[Any]:
    return [record.submission_id, record.pk]


ARGUMENTS: dict[str, Callable[[Portal, Any], list[Any]]] = {
    "account_reset_password_from_key": lambda portal, _: ["1", "made-up"],
    "scim": lambda portal, _: ["northwind", "Users"],
    "pick_people": lambda portal, _: ["delegates"],
    "list_template": lambda portal, _: ["people"],
    "api:register": lambda portal, _: ["automations"],
    "openid_connect_login": lambda portal, _: ["northwind"],
    "openid_connect_callback": lambda portal, _: ["northwind"],
    "openid_connect_logout": lambda portal, _: ["northwind"],
    "conflict_rule": lambda portal, rule: [rule.code],
    "rule_propose": lambda portal, rule: [rule.code],
    "help_rule": lambda portal, _: ["A7"],
    "policy": lambda portal, policy: [policy.number],
    "decide": lambda portal, record: [record.submission_id],
    "undo": _of_record,
    "answer": _of_record,
    "object": _of_record,
    "interim_name": lambda portal, row: ["resource", row.pk],
    "import_bind": lambda portal, item: [item.pk, portal.bound],
    "admin:app_list": lambda portal, row: ["controls"],
    "api:gate": lambda portal, automation: [automation.approved_version.manifest_digest],
    "campaign_evidence": lambda portal, campaign: [campaign.pk, "jsonl"],
    "admin:view_on_site": lambda portal, row: [1, 1],
}

#: What the links to an address add to it.
QUERIES = {"recert_correct": "?asks=acceptable&answer=keep"}

#: Addresses without a name, by what the table calls them.
UNNAMED = {
    "admin:(anything else)": "/admin/there/is/no/such/thing/",
    "api:nothing": "/api/v1/there/is/no/such/thing",
}


def admin_path(address: str, label: str) -> str:
    """Where one of the admin's addresses leads for a model, and for its first row.

    Args:
        address: the table's, ``admin:*_change``.
        label: the model's, ``controls.person``.
    """
    kind = address.partition("*_")[2]
    prefix = f"admin:{label.replace('.', '_')}"
    if kind in ("changelist", "add"):
        return reverse(f"{prefix}_{kind}")
    row = apps.get_model(label)._base_manager.order_by("pk")[0]
    if kind == "(its old address)":
        return f"{reverse(f'{prefix}_changelist')}{row.pk}/"
    return reverse(f"{prefix}_{kind}", args=[row.pk])


# --- forms --------------------------------------------------------------------------------------------------------------


def _decision(portal: Portal, record: Approval) -> dict[str, Any]:
    return scenarios.decision_form(record, reason="Fine.")


def _delegating(portal: Portal, _: Any) -> dict[str, Any]:
    """To Eve, who has every duty, from tomorrow."""
    day = portal.world.now.date() + timedelta(days=1)
    return {"taker": portal.world.people["every_role"].pk, "from_on": day, "until_on": day}


def _about(portal: Portal, automation: Automation) -> dict[str, Any]:
    fields = {"name": automation.name, "purpose": "Something else.", "kind": automation.kind}
    return {**fields, "business_owner": automation.business_owner_id, "technical_owner": automation.technical_owner_id}


def _resource(portal: Portal, resource: Resource | None) -> dict[str, Any]:
    n = portal.world.northwind
    fields = {"name": "CRM", "kind": "saas_connector", "data_class": "confidential", "environment": "production"}
    return {**fields, "team": n.it_ops.pk, "owner": n.mei.pk, "deputy": n.lena.pk}


def _policy(portal: Portal, _: Any) -> dict[str, Any]:
    text = policy_document.as_text(changed(resubmission_days=120))
    return {"as": "text", "text": text, "do": "propose", "reason": "Refusals are forgotten too soon."}


def _of_resource(portal: Portal, resource: Resource) -> dict[str, Any]:
    n = portal.world.northwind
    fields = {"owner-owner": n.lena.pk, "owner-deputy": resource.deputy_id, "owner-reason": "Another team runs it."}
    return {"kind": "resource_owner", **fields}


def _by_hand(portal: Portal, _: Any) -> dict[str, Any]:
    rows: dict[str, Any] = {"team": portal.world.northwind.platform.pk}  # heard of those alone who have several
    rows |= {"rows-TOTAL_FORMS": 1, "rows-INITIAL_FORMS": 1, "rows-0-resource": portal.rows["active"].pk}
    rows |= {"rows-0-does": "post messages", "rows-0-level": "write", "rows-0-target": "#totals"}
    return {"do": "preview", "name": "Totals", "kind": "script", "platform": "cron", "starts": "schedule", **rows}


def _answer(portal: Portal, item: Item) -> dict[str, Any]:
    asks = Asks.ACCEPTABLE if item is portal.rows["acceptable_item"] else Asks.NEEDED
    return {"asks": asks, "answer": AnswerKind.KEEP, "reason": "Yes.", "question": [question(item, asks).pk]}


def _webhook(portal: Portal, _: Any) -> dict[str, Any]:
    return {"url": "https://hooks.example.com/a", "shape": "json", "events": ["submission.submitted"]}


def _preview(portal: Portal, _: ImportItem) -> dict[str, Any]:
    return portal.typed


def _order(portal: Portal, _: ImportBatch) -> dict[str, Any]:
    return {"do": "order", "environment": "production", "business_owner": portal.world.people["business_owner"].pk}


FORMS: dict[str, Callable[[Portal, Any], Mapping[str, Any]]] = {
    "account_change_password": lambda portal, _: {"oldpassword": "not theirs", "password1": "x", "password2": "x"},
    "check_text": lambda portal, _: {"text": "Posts late invoices"},
    "account_reset_password": lambda portal, _: {"email": "nobody@northwind.example"},
    "account_reset_password_from_key": lambda portal, _: {"password1": "x", "password2": "x"},
    "account_login": lambda portal, _: {"login": "rita.novak@northwind.example", "password": "not hers"},
    "account_logout": lambda portal, _: {},
    "account_reauthenticate": lambda portal, _: {},
    "mfa_activate_totp": lambda portal, _: {"code": "000000"},
    "mfa_authenticate": lambda portal, _: {"code": "000000"},
    "mfa_reauthenticate": lambda portal, _: {"code": "000000"},
    "demo_sign_in": lambda portal, _: {"person": portal.world.northwind.rita.opaque_id},
    "clock": lambda portal, _: {"days": "1"},
    "delegation_set": _delegating,
    "my_tokens": lambda portal, _: {"name": "Nightly deploy", "team": "", "days": "30"},
    "person_add": lambda portal, _: {"name": "Ada Neu", "email": "ada.neu@northwind.example"},
    "person_erase": lambda portal, person: {"named": person.name, "reason": "They want it."},
    "erasure_confirm": lambda portal, row: {"named": row.person.name},
    "role_propose": lambda portal, _: {"role": "auditor", "reason": "They are needed."},
    "try_mail": lambda portal, _: {},
    "lists": lambda portal, _: {"files": SimpleUploadedFile("teams.csv", LIST)},
    "list_upload": lambda portal, _: {"do": "apply"},
    "confirmations": lambda portal, _: {},
    "team_found": lambda portal, _: {"name": "Logistics", "kind": "business"},
    "team_leads": lambda portal, _: {
        "seat": "lead",
        "person": portal.world.northwind.lena.pk,
        "reason": "Grace moves on.",
    },
    "team_fallback": lambda portal, _: {"person": portal.world.northwind.lena.pk, "reason": "One more."},
    "policy_propose": _policy,
    "policy_amend": _policy,
    "proposal_answer": lambda portal, proposal: {
        "answer": "approve",
        "shown_digest": proposal.digest,
        "reason": "Yes.",
    },
    "resource_propose": _of_resource,
    "team_join": lambda portal, _: {"person": portal.world.northwind.rita.pk},
    "team_leave": lambda portal, team: {"person": portal.world.northwind.grace.pk},
    "team_webhooks": _webhook,
    "webhooks": _webhook,
    "automation_amend": _about,
    "promote": lambda portal, automation: {"environment": "production"},
    "automation_raise": lambda portal, _: {"tier": "high", "reason": "It writes."},
    "resource_new": _resource,
    "resource_name_owner": _resource,
    "resource_amend": _resource,
    "resource_entitlement": lambda portal, _: {
        "code": "files:read",
        "words": "Read files",
        "level": "read",
        "scope_kind": "none",
    },
    "resource_incident": lambda portal, _: {
        "reference": "INC-2",
        "until": portal.world.now.date() + timedelta(days=2),
        "reason": "A token was posted.",
    },
    "automation_transfer": lambda portal, _: {"team": portal.world.northwind.people_team.pk, "reason": "They use it."},
    "interim_name": lambda portal, _: {"person": portal.world.northwind.grace.pk},
    "resource_connection": lambda portal, _: {"connector": "slack", "instance": "fresh"},
    "credential_describe": lambda portal, _: {"lifetime": "long"},
    "credential_reach": lambda portal, credential: {
        "known": "yes",
        "codes": [credential.opens.entitlements.get().code],
    },
    "credential_kept_in": lambda portal, _: {"store": portal.rows["store"].pk},
    "credential_kept_here": lambda portal, _: {"store": portal.rows["store"].pk},
    "credential_not_kept_here": lambda portal, _: {"store": portal.rows["store"].pk},
    "binding_share": lambda portal, _: {"resource": portal.world.company.slack.pk},
    "binding_agree": lambda portal, _: {"resource": portal.world.company.drive.pk},
    "decide": _decision,
    "comment": lambda portal, _: {"text": "What for?"},
    "undo": lambda portal, record: {"decision": getattr(record.decisions.order_by("pk").last(), "pk", 0)},
    "saved_view_save": lambda portal, _: {"name": "Mine"},
    "import": lambda portal, _: {"pasted": of_its_own(stock_report.EXPORT, "pasted").decode()},
    "import_form": _by_hand,
    "import_add": lambda portal, _: {"large": "too-large.json"},
    "import_batch": _order,
    "import_preview": _preview,
    "import_panel": _preview,
    "import_bind": lambda portal, _: {"do": "choose", "resource": portal.rows["active"].pk},
    "recert_answer": _answer,
    "recert_card": _answer,
    "rule_new": lambda portal, _: {
        "text": rule_pages.BLANK.replace("vendor-and", "one-and"),
        "reason": "It happened.",
        "do": "propose",
    },
    "rule_amend": lambda portal, _: {
        "text": rule_pages.BLANK.replace("vendor-and", "two-and").replace("record ", "enforce"),
        "reason": "It happened twice.",
        "do": "propose",
    },
    "rule_propose": lambda portal, _: {"text": "Whatever.", "reason": "Nobody needs it.", "do": "give_up"},
    "waiver": lambda portal, _: {"verdict": "refuse", "reason": "Split it."},
    "waiver_ask": lambda portal, automation: {
        "conflict": f"read-and-tell/{automation.pk}",
        "reason": "The report is due.",
        "control": "Somebody reads every post.",
        "days": "30",
    },
    "stop_explain": lambda portal, _: {"reason": "It misbehaves."},
    "held_batch": lambda portal, _: {"says": "release", "reason": "I looked."},
    "revocation": lambda portal, _: {"reason": "Looked there: gone."},
    "sample": lambda portal, _: {"verdict": "not_fine", "reason": "It mails the list."},
    "campaign_new": lambda portal, _: {"name": "All of it", "reason": "We have too much.", "about": "both"},
    "recert_correct": lambda portal, _: {"asks": Asks.ACCEPTABLE, "answer": AnswerKind.KEEP, "reason": "Needed."},
}
