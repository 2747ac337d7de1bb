"""Every page that a person can open, in one Chromium: axe finds nothing on it in light and dark, and on a phone it never scrolls sideways.

The pages stand in `TOUR`, by the name of their address; a page that is missing there fails the first test, so that a new one
is looked at too. What pages say is tested elsewhere.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from approvals import drafts, transitions
from governance.controls import clock, sealing, tokens, webhooks
from governance.controls.erasing import ask_erasure
from governance.controls.models import Notice, WebhookDelivery
from governance.controls.people import propose_role, record_leaver
from governance.controls.refusals import DutyConflict
from governance.controls.roles import Role
from inventory import interim, lifecycle, registry
from inventory.importers.manifest import Manifest
from inventory.models import Credential, NonHumanIdentity, Resource
from tests import journeys, lengths
from tests.approvals import chained, lightly, stock
from tests.approvals.bring_in.building import of_its_own
from tests.approvals.drawing import JOBS, drawn_of_its_own, sealed
from tests.axe import is_too_wide, violations
from tests.journeys import Company
from tests.people import as_actor, make_person
from tests.portal.signed_in import client_of
from tests.processes import Site
from tests.recertification.apart import held_apart
from tests.recertification.reviews import opened

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

#: Whether the panels that a page loads after itself have come.
PANELS_ARE_THERE = "() => !document.querySelector('[hx-trigger=load]')"

#: One stop: who opens it (empty: nobody signed in), the name of the address, its arguments by their names in `World`, and a query
#: string where the page has another face.
TOUR = (
    ("", "account_login"),
    ("rita", "bring_in"),
    ("rita", "bring_in_form"),
    ("rita", "import_batch", "upload"),
    ("rita", "import_batch", "upload", "?show=new"),
    ("rita", "import_preview", "item"),
    ("rita", "import_bind", "item", "key"),
    ("rita", "withdraw", "submission"),
    ("rita", "automation_list"),
    ("rita", "automation_list", "?q=nothing+like+it"),
    ("rita", "resource_list"),
    ("rita", "search"),
    ("rita", "mfa_index"),
    ("rita", "mfa_activate_totp"),
    ("rita", "account_logout"),
    ("rita", "account_reauthenticate"),
    ("rita", "my_tokens"),  # who has one
    ("rita", "promote", "below"),
    ("theo", "me"),
    ("theo", "review", "promoted"),  # against the version in test
    ("theo", "review", "alike"),  # of which Theo says whether it is the same
    ("theo", "review", "light"),  # on the light path, still to be decided
    ("theo", "my_tokens"),
    ("omar", "desk"),
    ("omar", "desk_part", "submission"),
    ("omar", "desk_view_save", "?tier=high"),
    ("omar", "decide_together", "?of={submission}"),
    ("omar", "home"),
    ("omar", "review", "submission"),
    ("omar", "recert_mine"),
    ("omar", "recert_item", "review"),
    ("omar", "resource_entitlement", "resource"),
    ("omar", "resource", "resource"),
    ("omar", "credential", "credential"),
    ("omar", "credential_describe", "credential"),
    ("omar", "credential_reach", "credential"),
    ("lena", "credential", "credential"),
    ("lena", "resource", "store"),
    ("jonas", "automation_stop", "automation"),
    ("jonas", "automation_amend", "automation"),
    ("sana", "sample", "sample"),
    ("sana", "sample", "of_policy"),
    ("sana", "signals"),
    ("sana", "automation", "automation"),
    ("sana", "automation", "automation", "?tab=privileges"),
    ("sana", "automation", "automation", "?tab=versions"),
    ("sana", "automation", "automation", "?tab=submissions"),
    ("sana", "automation", "automation", "?tab=timeline"),
    ("sana", "automation_items", "automation"),
    ("sana", "automation_submissions", "automation"),
    ("sana", "automation_grants", "automation", "?show=ended"),
    ("sana", "automation_chain", "automation"),
    ("sana", "automation_chain", "joined"),  # with what it writes for, what it calls, and what nobody knows
    ("theo", "review_chain", "submission"),
    ("sana", "automation_raise", "automation"),
    ("sana", "ownerless"),
    ("sana", "identity", "identity"),
    ("sana", "identity_grants", "identity"),
    ("sana", "ownerless_one", "credential_kind", "unowned"),
    ("sana", "resource", "ownerless"),  # an owner who left, and nobody named
    ("sana", "interim_name", "resource_kind", "ownerless"),
    ("amara", "resource", "orphan"),  # who named somebody reads why they do not confirm it
    ("amara", "interim_drop", "named"),
    ("sana", "resource", "resource"),
    ("sana", "resource_grants", "resource"),
    ("ines", "people"),
    ("ines", "person", "person"),
    ("ines", "person_add"),
    ("ines", "person_left", "person"),
    ("ines", "person", "leaver"),
    ("ines", "erasure_confirm", "erasure"),
    ("ines", "team", "team"),
    ("theo", "team_webhooks", "team"),
    ("theo", "webhook", "webhook"),
    ("ines", "webhooks"),
    ("ines", "resource_new"),
    ("ines", "health"),
    ("ines", "clock"),
    ("ines", "mail_list"),
    ("ines", "mail", "notice"),
    ("yuki", "ledger", "?outcome=refused"),
    ("yuki", "search", "?q=a"),
    ("yuki", "automation_stop", "automation"),  # not for an auditor to do: 403
    ("nadia", "automation", "automation"),  # not there for another team's lead: 404
)
#: The same automation once its kill switch was pulled.
STOPPED = (("sana", "automation", "automation"), ("rita", "automation_resume", "automation"))

#: What is no page: it takes a form, leads on, or sends a file or a part of a page.
ACTIONS = {
    *("accept", "answer", "comment", "decide", "object", "import_panel", "import_submit", "automation_version"),
    *("import_add", "import_report", "undo"),
    *("recert_answer", "recert_submit", "resource_accept", "resource_activate", "delegation_set", "delegation_end"),
    *("role_propose", "role_confirm", "team_leads", "team_join", "team_leave", "ledger_verify", "ledger_export"),
    *("webhook_test", "webhook_pause", "webhook_resume", "webhook_renew_key"),
    *("demo_sign_in", "binding_agree", "binding_drop", "erasure_drop", "interim_confirm", "submit_again"),
    *("credential_kept_here", "credential_not_kept_here", "token_revoke"),
}
#: Faces of pages of the tour: the question before something is done, a form of one kind. The long version looks at them too.
FACES = (
    ("rita", "import_discard", "item"),
    ("rita", "import_batch_discard", "upload"),
    ("jonas", "automation_retire", "automation"),
    ("omar", "grant_stop", "grant"),
    ("omar", "resource_amend", "resource"),
    ("omar", "resource_connection", "resource"),
    ("omar", "credential_kept_in", "credential"),
    ("ines", "resource_name_owner", "ownerless"),
    ("ines", "person_erase", "leaver"),
    ("ines", "team_found"),
    ("theo", "webhook_remove", "webhook"),
)
#: Other such faces, and the second factor's pages for whoever has a device: the same templates with something else in them.
OTHER_FACES = {
    *("role_end", "decline", "desk_view_remove", "recert_correct"),
    *("mfa_authenticate", "mfa_reauthenticate", "mfa_deactivate_totp"),
    *("mfa_view_recovery_codes", "mfa_generate_recovery_codes"),
}


class World:
    """A committed company with something on every page; the names in `TOUR` are its attributes."""

    def __init__(self) -> None:
        now = clock.now()
        held = held_apart(now - timedelta(days=161))
        company, self.people = held.company, held.people
        self.held = held.automation
        self.automation, self.resource, self.team = self.held.pk, company.erp.pk, self.people.finance_ops.pk
        self.grant = held.grant().pk
        self.review = opened(held.grant(), now - timedelta(days=1)).pk
        chaser = journeys.brought_in(company, content=export("invoice-chaser.json"))
        made = journeys.submitted(company, chaser)
        journeys.decide_app(company, made)
        self.submission = made.pk
        self.sample = drawn_of_its_own(company, uuid.uuid4().hex[:8]).pk
        item = registry.preview(
            [("check.json", export("supplier-statement-check.json"))], actor=as_actor(self.people.rita), now=now
        ).items.get()
        folder = [(f"exports/{word}.json", export("weekly-stock-report.json")) for word in ("first", "second")]
        upload = registry.preview([*folder, ("exports/broken.json", b"{")], actor=as_actor(self.people.rita), now=now)
        registry.refuse_item(upload.items.earliest("pk"), "An automation with this id belongs to another team.")
        self.upload = upload.pk
        self.item, self.key = item.pk, drafts.privilege_row(Manifest.from_dict(item.manifest).privileges[0])
        self.person = self.people.tom.pk
        self._a_token()
        propose_role(self.people.tom, actor=as_actor(self.people.karl), now=now, role=Role.AUDITOR)
        with pytest.raises(DutyConflict):
            propose_role(self.people.ines, actor=as_actor(self.people.ines), now=now, role=Role.AUDITOR)
        self.credential, self.store = self._something_kept(company)
        self.leaver, self.erasure = self._somebody_to_erase()
        self._nobody_answers()
        self.webhook = self._something_told()
        self.notice = Notice.objects.filter(recipient=self.people.theo).latest("pk").pk
        self.light, self.of_policy = self._light(company)
        self.below, self.promoted, self.alike = self._known(company)
        self.joined = self._joined(company)
        sealing.seal_all(at=timezone.now())

    def _something_told(self) -> int:
        """A webhook of Theo's team with one message that arrived, one that did not, and one that waits."""
        theo, now = as_actor(self.people.theo), clock.now()
        said = {"url": "https://hooks.example.com/a", "shape": "slack", "events": ["submission.submitted"]}
        made = webhooks.add_webhook(self.people.finance_ops, actor=theo, now=now, **said)
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

    def _light(self, company: Company) -> tuple[int, int]:
        """Something on the light path whose app Theo has not decided, and what policy approved of another and was drawn."""
        word = uuid.uuid4().hex[:8]
        made = lightly.in_force(company, word=f"a{word}")
        with sealed():
            sample = transitions.draw(made.samples.earliest("pk"), actor=JOBS, now=clock.now())
        return lightly.submitted(company, word=f"b{word}").pk, sample.pk

    def _known(self, company: Company) -> tuple[int, int, int]:
        """What is in test; its promotion, with one channel more; and what may be the same as that."""
        export = json.loads(of_its_own("weekly-stock-report.json", uuid.uuid4().hex[:8]))
        below = journeys.brought_in(company, content=json.dumps(export).encode(), environment="test")
        for number in range(2):
            stock.one_more_channel(export)
            export["nodes"][-1]["name"] = f"Post to buyers {number}"
            export["nodes"][-1]["parameters"]["channelId"]["value"] = f"C07BUYERS{number}"
        promoted = journeys.brought_in(company, content=json.dumps(export).encode())
        again = {**export, "id": uuid.uuid4().hex[:16]}
        alike = journeys.brought_in(company, content=json.dumps(again).encode())
        return below.automation_id, *(journeys.submitted(company, one).pk for one in (promoted, alike))

    def _joined(self, company: Company) -> int:
        """What writes a channel that another reads, and calls what nobody has approved."""
        word = uuid.uuid4().hex[:8]
        chained.in_force(company, chained.described(company, f"Reader {word}", (company.slack, "read", word)))
        holds = ((company.slack, "write", word), (company.model, "execute", "nobody", "workflow:execute"))
        return chained.described(company, f"Writer {word}", *holds).automation_id

    def _a_token(self) -> None:
        """Rita's, for a pipeline of the team that Theo leads."""
        n = self.people
        said: dict[str, Any] = {"name": "Nightly deploy", "secret": tokens.new_secret(), "days": 30}
        tokens.make_token(n.rita, actor=as_actor(n.rita), now=clock.now(), team=n.finance_ops, **said)

    def _something_kept(self, company: Company) -> tuple[int, int]:
        """A credential that has expired, with a reach, and a store of Lena's that Omar says keeps it."""
        n, now = self.people, clock.now()
        store = journeys.resource(n, "Vault", "secret_store", "restricted", n.lena, n.piet, n.supply)
        one = Credential.objects.filter(opens=company.erp).latest("pk")
        omar, long_ago = as_actor(n.omar), now - timedelta(days=400)
        fields = {
            "expires_at": now - timedelta(days=1),
            "rotated_at": long_ago,
            "rotation_due_on": now.date() - timedelta(9),
        }
        registry.describe_credential(one, actor=omar, now=now, fields={**fields, "owner": n.piet})
        codes = list(company.erp.entitlements.values_list("code", flat=True))
        registry.declare_reach(one, actor=omar, now=now, codes=codes)
        registry.say_kept_in(one, actor=omar, now=now, store=store)
        return one.pk, store.pk

    def _somebody_to_erase(self) -> tuple[int, int]:
        """Somebody who has left, and Karl's ask that they are erased."""
        karl, now = as_actor(self.people.karl), clock.now()
        person = record_leaver(
            make_person("Lars Holm", word=uuid.uuid4().hex[:8]), actor=karl, now=now, reason="A new job."
        )
        ask_erasure(person, actor=karl, now=now, reason="He wants it.", named=person.name)
        return person.pk, person.erasures.get().pk

    def _nobody_answers(self) -> None:
        """Two resources, an identity and a credential whose owner left; Amara, who leads their team, has named somebody for one of them."""
        n, now = self.people, clock.now()
        gone = make_person("Uwe Gone", word=uuid.uuid4().hex[:8])
        made = [
            journeys.resource(n, f"Archive {word}", "data_store", "internal", gone, n.mei, n.platform)
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
        self.ownerless, self.orphan = (one.pk for one in made)
        self.identity, self.credential_kind, self.resource_kind = identity.pk, "credential", "resource"
        orphan = Resource.objects.get(pk=self.orphan)
        self.named = interim.NAMING["resource"](orphan, actor=as_actor(n.amara), now=now, person=n.grace).pk

    def path(self, name: str, *more: str) -> str:
        """The address of a stop of the tour."""
        arguments = [getattr(self, one) for one in more if not one.startswith("?")]
        return reverse(name, args=arguments) + "".join(
            one.format_map(vars(self)) for one in more if one.startswith("?")
        )


def export(name: str) -> bytes:
    """A sample export as another installation has it: its own ids."""
    word = uuid.uuid4().hex[:8]
    found = json.loads((journeys.EXPORTS / name).read_text())
    found["id"] = f"{found.get('id', '')}{word}"
    for node in found["nodes"]:
        for credential in node.get("credentials", {}).values():
            credential["id"] += word
    return json.dumps(found).encode()


def names(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[str]:
    """The names of all addresses but those of the read-only admin, whose pages are Django's own, and of the API, which has none."""
    for one in patterns:
        if isinstance(one, URLPattern):
            yield one.name or ""
        elif one.namespace not in ("admin", "api"):
            yield from names(one.url_patterns)


def test_every_page_is_on_the_tour() -> None:
    visited = {stop[1] for stop in (*TOUR, *FACES, *STOPPED)}
    assert set(names(get_resolver().url_patterns)) == visited | ACTIONS | OTHER_FACES
    assert not visited & (ACTIONS | OTHER_FACES)


@pytest.mark.browser
def test_axe_finds_nothing_and_no_page_scrolls_sideways_on_a_phone(
    open_page: Callable[..., Page], site: Site, committed: None
) -> None:
    world, page = World(), open_page(viewport=WIDE)
    found = tour(page, site, world, TOUR + FACES if lengths.IS_SOAK else TOUR)
    reason = "It posts nonsense."
    lifecycle.stop(world.held, actor=as_actor(world.people.jonas), now=clock.now(), reason=reason)
    found |= tour(page, site, world, STOPPED)
    assert not found, json.dumps(found, indent=1)


def tour(page: Page, site: Site, world: World, stops: Iterable[tuple[str, ...]]) -> dict[str, list[str]]:
    """Open each stop as its person, and return what is wrong with it, by address."""
    found: dict[str, list[str]] = {}
    cookies: dict[str, str] = {}
    seen, signed_in = set[str](), None
    for who, name, *more in stops:
        if who != signed_in:
            page.context.clear_cookies()
            signed_in = who
        if who and who not in cookies:
            cookies[who] = client_of(getattr(world.people, who)).cookies["sessionid"].value
        if who:
            page.context.add_cookies([{"name": "sessionid", "value": cookies[who], "url": site.url}])
        path = world.path(name, *more)
        page.goto(path)
        if not page.evaluate(PANELS_ARE_THERE):  # to wait takes a turn of drawing even where nothing is waited for
            page.wait_for_function(PANELS_ARE_THERE)
        is_again = name in seen and not lengths.IS_SOAK
        if wrong := looked_at(page, is_again=is_again):
            found[f"{path} as {who or 'nobody'}"] = wrong
        seen.add(name)
    return found


def looked_at(page: Page, *, is_again: bool) -> list[str]:
    """What axe says of the page that is open, the first time in dark colours too, and whether it is wider than a screen or a phone."""
    wrong = violations(page, but_colours=is_again) + (["wider than the screen"] if is_too_wide(page) else [])
    if not is_again:
        page.emulate_media(color_scheme="dark")
        wrong += [f"in dark, {one}" for one in violations(page, colours_only=True)]
        page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    too_wide = is_too_wide(page)
    page.set_viewport_size(WIDE)
    return wrong + (["wider than a phone"] if too_wide else [])
