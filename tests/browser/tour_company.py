"""What the pages of the tour are about: a committed company with something on every page (`tests.browser.test_axe`)."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from approvals.conflicts import jobs as conflict_jobs
from approvals.grants.transitions import circuit_breaker, revocation_tasks
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.inbox.queries import approvals
from approvals.intake import drafts
from approvals.light_path.transitions import spot_checks as light_path_transitions
from approvals.models import (
    Approval,
    ApprovalState,
    BatchSays,
    Conflict,
    Grant,
    HeldBatch,
    Proposal,
    RevocationTask,
    SavedView,
    Submission,
)
from approvals.proposals import transitions as proposal_transitions
from approvals.waivers import transitions as waiver_transitions
from governance.core.clock import current_time
from governance.core.duties.refusals import DutyConflict
from governance.core.erasure.transitions import ask_erasure
from governance.core.ledger import sealing
from governance.core.models import Notice, RoleAssignment, WebhookDelivery
from governance.core.roles.roles import Role
from governance.core.tokens import transitions as token_transitions
from governance.core.webhooks import transitions as webhook_transitions
from governance.portal.lists import uploads as list_uploads
from governance.recertification.campaigns.scope import Scope
from governance.recertification.models import AnswerKind, Asks
from inventory.automations.transitions import lifecycle, transfers
from inventory.credentials import transitions as credential_transitions
from inventory.importers.manifest import Manifest
from inventory.imports.transitions import previews
from inventory.models import Automation, Credential, NonHumanIdentity, Resource
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.transitions import incidents
from tests import scenarios
from tests.appointments import propose_role, record_leaver
from tests.approvals import chains, stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.intake.builder import of_its_own
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.spot_checks import JOBS, drawn_of_its_own, sealed
from tests.approvals.proposals.policy_proposals import LOOSER, TIGHTER, changed, propose
from tests.people import as_actor, make_person
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.portal.sign_in.test_sign_in import PASSWORD, sign_in
from tests.recertification import campaign_steps, review_steps
from tests.recertification.grant_rows import low_grants
from tests.recertification.isolated_company import held_apart
from tests.scenarios import Company
from tests.signed_in_client import client_of

#: Who has given their password, and is asked for the second factor of Tom's.
HALF = "half"


class World:
    """A committed company with something on every page; the names in `TOUR` are its attributes."""

    def __init__(self) -> None:
        now = current_time.now()
        self._held = held = held_apart(now - timedelta(days=161))
        company, self.people = held.company, held.people
        self.held = held.automation
        self.automation, self.resource, self.team = self.held.pk, company.erp.pk, self.people.finance_ops.pk
        self.grant, self.stop = held.grant().pk, 0
        self.review = review_steps.opened(held.grant(), now - timedelta(days=1)).pk
        self.campaign = campaign_steps.filled(
            campaign_steps.ordered(Scope(about="automations"), by=self.people.sana, now=now), now
        ).pk
        self.opening = campaign_steps.ordered(
            Scope(about="automations"), by=self.people.sana, now=now, name="Being opened"
        ).pk
        chaser = scenarios.brought_in(company, content=export("invoice-chaser.json"))
        made = scenarios.submitted(company, chaser)
        scenarios.decide_app(company, made)
        self.submission = made.pk
        self.sample = drawn_of_its_own(company, uuid.uuid4().hex[:8]).pk
        item = previews.preview(
            [("check.json", export("supplier-statement-check.json"))], actor=as_actor(self.people.rita), now=now
        ).items.get()
        folder = [(f"exports/{word}.json", export("weekly-stock-report.json")) for word in ("first", "second")]
        upload = previews.preview([*folder, ("exports/broken.json", b"{")], actor=as_actor(self.people.rita), now=now)
        previews.refuse_item(upload.items.earliest("pk"), "An automation with this id belongs to another team.")
        self.upload = upload.pk
        self.item, self.key = item.pk, drafts.privilege_row(Manifest.from_dict(item.manifest).privileges[0])
        self.person = self.people.tom.pk
        lists = [
            ("people.csv", b"email,name,roles\nada@new.test,Ada Byron,builder\n,Nobody,\n"),
            ("teams.csv", b"team\nLedgers\n"),
        ]
        self.lists = list_uploads.preview(lists, actor=as_actor(self.people.ines), now=now).pk
        self._make_token()
        propose_role(self.people.tom, Role.AUDITOR, by=self.people.karl, now=now)
        with pytest.raises(DutyConflict, match=r"^SOD-8: "):
            propose_role(self.people.ines, Role.AUDITOR, by=self.people.ines, now=now)
        self.credential, self.store = self._credential_and_store(company)
        self.leaver, self.erasure = self._somebody_to_erase()
        self._ownerless_resources()
        self.webhook = self._webhook_with_messages()
        self.notice = Notice.objects.filter(recipient=self.people.theo).latest("pk").pk
        self._confirmations(company, made)
        self.fallback, self.policy_number = self.people.fallback.pk, 1
        self.proposal = self._proposed()
        self.proposed_rule = self._proposed_rule(company)
        self.light, self.of_policy = self._light(company)
        self.below, self.promoted, self.alike = self._promotion_and_duplicate(company)
        self.joined = self._joined(company)
        self.rule, self.conflict, self.waiver, self.granted = self._in_conflict(company)
        ended = self._reading_slack(company)
        self.revocation, self.half_revoked, self.removed = self._ended(ended)
        self.batch = self._held_back(ended)
        self.moving, self.transfer = self._moving(company)
        self.in_incident, self.incident = self._an_incident(company)
        self._a_second_factor()
        sealing.seal_all(at=timezone.now())

    def _confirmations(self, company: Company, submission: Any) -> None:
        """What has a question before something is done with it that its person may do; and a record of high risk that waits for Omar."""
        n, now = self.people, current_time.now()
        waits = {approval.pk for approval in approvals.to_decide(as_actor(n.omar), now)}
        self.high = scenarios.submitted(
            company, scenarios.brought_in(company, content=export("invoice-chaser.json"))
        ).pk
        self.record = submission.approvals.filter(tier="high", pk__in=waits).earliest("pk").pk
        made = submitted_script(company, f"Two readers {uuid.uuid4().hex[:8]}", 2)
        scenarios.decide_app(company, made)
        first, second = Approval.objects.filter(submission=made, state=ApprovalState.OPEN).order_by("pk")
        scenarios.approve(first, n.omar, now=company.now)
        scenarios.reject(second, n.omar, now=company.now)
        self.subset = made.pk
        self.help_rule = "A7"
        self.view = SavedView.objects.create(person=n.omar, name="Risky", query="tier=high").pk
        self.role = RoleAssignment.objects.filter(person=n.sana).earliest("pk").pk
        revoked = review_steps.opened(self._held.grant(on=self._held.company.slack), now - timedelta(days=1))
        question = review_steps.question(revoked, Asks.ACCEPTABLE)
        review_steps.submit_answer(question, AnswerKind.REVOKE, now=now, reason="Nobody reads it.")
        self.revoked = revoked.pk

    def _a_second_factor(self) -> None:
        """Tom's device and his recovery codes."""
        from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
        from allauth.mfa.totp.internal.auth import TOTP

        tom = self.people.tom
        TOTP.activate(tom, "JBSWY3DPEHPK3PXP")
        RecoveryCodes.activate(tom)
        tom.set_password(PASSWORD)
        tom.save(update_fields=["password"])

    def session_of(self, who: str, *, ahead: timedelta = timedelta()) -> str:
        """The key of a session: of somebody who has just said their password, or of `HALF`.

        Args:
            who: attribute of `people`, or `HALF`.
            ahead: puts the time of the password ahead, for a test that takes longer than a password counts as recent.
        """
        if who == HALF:
            client = Client()
            sign_in(client, self.people.tom.email)
            return str(client.cookies["sessionid"].value)
        person = getattr(self.people, who)
        session = client_of(person).session
        session["account_authentication_methods"] = [
            {"method": "password", "at": time.time() + ahead.total_seconds(), "reauthenticated": True}
        ]
        session["account_authentication_methods_user"] = str(person.pk)
        session.save()
        return str(session.session_key)

    def _proposed(self) -> int:
        """A policy that Ines proposed, with something that tightens and something that loosens."""
        document = changed(**{**TIGHTER, **LOOSER})
        return int(propose(self.people.ines, document, now=current_time.now()).pk)

    def _proposed_rule(self, company: Company) -> int:
        """A conflict rule that Ines proposed."""
        row = Proposal(kind="conflict_rule", target="read-and-write")
        document = {"rule": conflict_rules.document(on(company.erp), on(company.slack), code="read-and-write")}
        ines = as_actor(self.people.ines)
        return int(
            proposal_transitions.propose(
                row, actor=ines, now=current_time.now(), reason="It happened.", document=document
            ).pk
        )

    def _webhook_with_messages(self) -> int:
        """A webhook of Theo's team with one message that arrived, one that did not, and one that waits."""
        theo, now = as_actor(self.people.theo), current_time.now()
        fields = {"url": "https://hooks.example.com/a", "shape": "slack", "events": ["submission.submitted"]}
        made = webhook_transitions.add_webhook(self.people.finance_ops, actor=theo, now=now, **fields)
        rows = (("sent", now, 200, ""), ("failed", None, 503, "It answered 503."), ("failed", None, None, "Paused."))
        for number, (state, sent_at, status, error) in enumerate(rows):
            WebhookDelivery.objects.create(
                key=f"{made.pk}:{number}",
                endpoint=made,
                event="submission.submitted",
                context={"what": "Weekly stock report", "team": "Finance Operations"},
                created_at=now,
                state=state,
                sent_at=sent_at,
                status=status,
                error=error,
                attempts=number + 1,
            )
        return int(made.pk)

    def _moving(self, company: Company) -> tuple[int, int]:
        """What Theo's team asks Grace's to take over."""
        n, word = self.people, uuid.uuid4().hex[:8]
        made = chains.in_force(company, chains.described(company, f"Mover {word}", (company.slack, "read", word)))
        automation = Automation.objects.get(pk=made.automation_id)
        arguments: dict[str, Any] = {"actor": as_actor(n.theo), "now": current_time.now(), "reason": "They use it."}
        transfer: Any = transfers.request_transfer(automation, team=n.marketing, **arguments)
        return automation.pk, transfer.pk

    def _an_incident(self, company: Company) -> tuple[int, int]:
        """A resource with an incident that is over and one that runs."""
        n, now = self.people, current_time.now()
        arguments: dict[str, Any] = {"actor": as_actor(n.mei), "now": now, "reason": "A token was posted."}
        arguments |= {"until": now + timedelta(days=7)}
        over: Any = incidents.declare_incident(company.drive, reference="INC-1", **arguments)
        incidents.end_incident(over, actor=as_actor(n.sana), now=now, reason="It is dead.")
        runs: Any = incidents.declare_incident(company.drive, reference="INC-2", **arguments)
        return company.drive.pk, runs.pk

    def _light(self, company: Company) -> tuple[int, int]:
        """Something on the light path whose app Theo has not decided, and what policy approved of another and was drawn."""
        word = uuid.uuid4().hex[:8]
        made = low_risk_report.in_force(company, word=f"a{word}")
        with sealed():
            sample = light_path_transitions.draw(made.samples.earliest("pk"), actor=JOBS, now=current_time.now())
        return low_risk_report.submitted(company, word=f"b{word}").pk, sample.pk

    def _promotion_and_duplicate(self, company: Company) -> tuple[int, int, int]:
        """What is in test; its promotion, with one channel more; and what may be the same as that."""
        export = json.loads(of_its_own("weekly-stock-report.json", uuid.uuid4().hex[:8]))
        below = scenarios.brought_in(company, content=json.dumps(export).encode(), environment="test")
        for number in range(2):
            stock_report.one_more_channel(export)
            export["nodes"][-1]["name"] = f"Post to buyers {number}"
            export["nodes"][-1]["parameters"]["channelId"]["value"] = f"C07BUYERS{number}"
        promoted = scenarios.brought_in(company, content=json.dumps(export).encode())
        again = {**export, "id": uuid.uuid4().hex[:16]}
        alike = scenarios.brought_in(company, content=json.dumps(again).encode())
        return below.automation_id, *(scenarios.submitted(company, version).pk for version in (promoted, alike))

    def _joined(self, company: Company) -> int:
        """An automation that writes a channel that another reads, and calls an unapproved workflow."""
        word = uuid.uuid4().hex[:8]
        chains.in_force(company, chains.described(company, f"Reader {word}", (company.slack, "read", word)))
        holds = ((company.slack, "write", word), (company.model, "execute", "nobody", "workflow:execute"))
        return chains.described(company, f"Writer {word}", *holds).automation_id

    def _in_conflict(self, company: Company) -> tuple[str, int, int, int]:
        """A rule that what is held breaks, what a scan found, and a waiver that Jonas asks for; of another rule one that was granted."""
        now, word, jonas = current_time.now(), uuid.uuid4().hex[:8], as_actor(self.people.jonas)
        codes = [f"tour-{word}", f"again-{word}"]
        for code in codes:
            conflict_rules.rule(on(company.erp), on(company.slack), code=code, now=now)
        conflict_jobs.scan_all(now, JOBS)
        requested, granted = (
            waiver_transitions.ask_waiver(
                self.held,
                actor=jonas,
                now=now,
                reason="The report is due.",
                code=code,
                subject_id=self.held.pk,
                control="Rita reads every post.",
                days=30,
            )
            for code in codes
        )
        waiver_transitions.grant_waiver(granted, actor=as_actor(self.people.viktor), now=now, reason="For now.")
        return codes[0], Conflict.objects.get(code=codes[0], subject=self.held.pk).pk, requested.pk, granted.pk

    @staticmethod
    def _reading_slack(company: Company) -> Submission:
        """What reads three channels, and nothing else."""
        words = [uuid.uuid4().hex[:8] for _ in range(3)]
        holds = [(company.slack, "read", word) for word in words]
        return chains.in_force(company, chains.described(company, f"Digest {words[0]}", *holds))

    def _ended(self, made: Submission) -> tuple[int, int, int]:
        """Access to remove: nobody has looked, one has, two have; two of them overdue."""
        n, long_ago = self.people, current_time.now() - timedelta(days=3)
        tasks = []
        for grant in Grant.objects.filter(automation=made.automation_id).order_by("pk")[:3]:
            transition_lifecycle.revoke(grant, actor=as_actor(n.jonas), now=long_ago, reason="Nobody reads it.")
            tasks.append(RevocationTask.objects.get(grant=grant))
        for task in tasks[1:]:
            revocation_tasks.say_removed(task, actor=as_actor(n.omar), now=long_ago, reason="The role is dropped.")
        revocation_tasks.say_removed(tasks[2], actor=as_actor(n.viktor), now=long_ago, reason="It can't log in.")
        first, second, third = (task.pk for task in tasks)
        return first, second, third

    def _held_back(self, made: Submission) -> int:
        """What a retirement would end all at once, and a reviewer would release."""
        low_grants(made, 12, begins_at=current_time.now())
        lifecycle.retire(
            Automation.objects.get(pk=made.automation_id),
            actor=as_actor(self.people.jonas),
            now=current_time.now(),
            reason="Replaced.",
        )
        batch = HeldBatch.objects.get(cause__person=self.people.jonas)
        viktor, says = as_actor(self.people.viktor), BatchSays.RELEASE
        circuit_breaker.answer_batch(batch, actor=viktor, now=current_time.now(), reason="Nobody runs it.", says=says)
        return int(batch.pk)

    def _make_token(self) -> None:
        """Rita's, for a pipeline of the team that Theo leads."""
        n = self.people
        fields: dict[str, Any] = {"name": "Nightly deploy", "secret": token_transitions.new_secret(), "days": 30}
        token_transitions.make_token(
            n.rita, actor=as_actor(n.rita), now=current_time.now(), team=n.finance_ops, **fields
        )

    def _credential_and_store(self, company: Company) -> tuple[int, int]:
        """A credential that has expired, with a reach, and a store of Lena's that Omar says keeps it."""
        n, now = self.people, current_time.now()
        store = scenarios.resource(n, "Vault", "secret_store", "restricted", n.lena, n.piet, n.supply)
        credential = Credential.objects.filter(opens=company.erp).latest("pk")
        omar, long_ago = as_actor(n.omar), now - timedelta(days=400)
        fields = {
            "expires_at": now - timedelta(days=1),
            "rotated_at": long_ago,
            "rotation_due_on": now.date() - timedelta(9),
        }
        credential_transitions.describe_credential(credential, actor=omar, now=now, fields={**fields, "owner": n.piet})
        codes = list(company.erp.entitlements.values_list("code", flat=True))
        credential_transitions.declare_reach(credential, actor=omar, now=now, codes=codes)
        credential_transitions.claim_store(credential, actor=omar, now=now, store=store)
        return credential.pk, store.pk

    def _somebody_to_erase(self) -> tuple[int, int]:
        """Somebody who has left, and Karl's ask that they are erased."""
        karl, now = as_actor(self.people.karl), current_time.now()
        person = record_leaver(
            make_person("Lars Holm", word=uuid.uuid4().hex[:8]), actor=karl, now=now, reason="A new job."
        )
        ask_erasure(person, actor=karl, now=now, reason="He wants it.", named=person.name)
        return person.pk, person.erasures.get().pk

    def _ownerless_resources(self) -> None:
        """Two resources, an identity and a credential whose owner left; Amara, who leads their team, has named somebody for one of them."""
        n, now = self.people, current_time.now()
        gone = make_person("Uwe Gone", word=uuid.uuid4().hex[:8])
        made = [
            scenarios.resource(n, f"Archive {word}", "data_store", "internal", gone, n.mei, n.platform)
            for word in ("alone", "named")
        ]
        identity = NonHumanIdentity.objects.create(
            kind="spiffe",
            issuer="x",
            subject=f"spiffe://northwind.example/supply/weekly-stock-report/{uuid.uuid4()}",
            owner=gone,
            automation=self.held,
        )
        self.unowned = Credential.objects.create(kind="apiKey", name="Archive key", owner=gone).pk
        record_leaver(gone, actor=as_actor(n.karl), now=now, reason="A new job.")
        self.gone = gone.pk
        self.ownerless, self.orphan = (resource.pk for resource in made)
        self.identity, self.credential_kind, self.resource_kind = identity.pk, "credential", "resource"
        orphan = Resource.objects.get(pk=self.orphan)
        self.named = ownership_transitions.NAME_INTERIM["resource"](
            orphan, actor=as_actor(n.amara), now=now, person=n.grace
        ).pk

    def path(self, name: str, *more: str) -> str:
        """The address of a stop of the tour."""
        arguments = [getattr(self, attribute) for attribute in more if not attribute.startswith("?")]
        arguments += ["1", "made-up"] if name == "account_reset_password_from_key" else []
        return reverse(name, args=arguments) + "".join(
            query.format_map(vars(self)) for query in more if query.startswith("?")
        )


def export(name: str) -> bytes:
    """A sample export as another installation has it: its own ids."""
    word = uuid.uuid4().hex[:8]
    document = json.loads((scenarios.EXPORTS / name).read_text())
    document["id"] = f"{document.get('id', '')}{word}"
    for node in document["nodes"]:
        for credential in node.get("credentials", {}).values():
            credential["id"] += word
    return json.dumps(document).encode()
