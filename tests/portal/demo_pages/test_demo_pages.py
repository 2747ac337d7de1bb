"""The demo's clock and mail: there in a demo, nowhere else; and the read-only admin, which nobody writes through."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.mail import jobs as mail_jobs
from governance.core.models import JobRun, Notice, Person, RoleAssignment
from governance.core.notices import outbox
from governance.portal.read_only_admin import admin_site
from tests.people import NOW, Northwind
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    """What a page says."""
    content: str = answer.content.decode()
    return content


# --- the demo's pages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clock", "mail_list"])
def test_demo_pages_are_absent_outside_demo(northwind: Northwind, settings: Any, name: str) -> None:
    settings.DEMO = False
    for who in (northwind.rita, northwind.ines):
        assert client_of(who).get(reverse(name)).status_code == 404
        assert client_of(who).post(reverse(name), {"days": "1"}).status_code == 404
    assert client_of(northwind.ines).get(reverse("mail", args=[1])).status_code == 404
    assert current_time.offset() == timedelta()


@pytest.mark.parametrize(
    "fields",
    [{"days": "0"}, {"days": "-3"}, {"days": "367"}, {"days": "x"}, {"days": "٣"}, {"until": "2020-01-01"}, {}],
)
def test_clock_refuses_past_far_and_invalid_values(northwind: Northwind, fields: dict[str, str]) -> None:
    answer = client_of(northwind.rita).post(reverse("clock"), fields)
    assert answer.status_code == 422
    assert "lies ahead" in text(answer)
    assert current_time.offset() == timedelta()


def test_the_clock_moves_by_days_to_a_day_and_wakes_the_sweeps(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance.core.jobs import nudge

    woken: list[str] = []
    monkeypatch.setattr(nudge, "send", woken.append)
    client = client_of(northwind.rita)
    client.post(reverse("clock"), {"days": "7"})
    assert current_time.offset() == timedelta(days=7)
    assert "approvals.sweep" in woken
    day = (current_time.now() + timedelta(days=10)).date()
    client.post(reverse("clock"), {"until": str(day)})
    moved = timezone.localtime(current_time.now(), timezone.get_fixed_timezone(60))
    assert (moved.date(), moved.hour) == (day, 9)
    assert "17 days ahead" in text(client.get(reverse("clock"))) or "16 days ahead" in text(
        client.get(reverse("clock"))
    )


def test_demo_mail_is_readable_with_links(northwind: Northwind, settings: Any) -> None:
    settings.MAIL_SERVER = None
    notice = outbox.notice(
        recipient=northwind.omar,
        event="role_ended",
        thread="t",
        key="k",
        now=NOW,
        context={"role": "<b>Auditor</b>", "by": "<i>Ines Moreau</i>", "page": ["me"]},
    )
    outbox.queue([notice])
    client = client_of(northwind.rita)
    assert "Queued" in text(client.get(reverse("mail_list")))
    mail_jobs.send_due(now=NOW)
    listed = text(client.get(reverse("mail_list")))
    assert "You are no longer trusted as &lt;b&gt;Auditor&lt;/b&gt;" in listed
    mail = text(client.get(reverse("mail", args=[Notice.objects.get().pk])))
    assert f'href="{settings.BASE_URL}/me/"' in mail
    assert "<b>Auditor</b>" not in mail
    shown = client.get(reverse("mail_html", args=[Notice.objects.get().pk]))
    assert "&lt;i&gt;Ines Moreau&lt;/i&gt; ended it" in text(shown)
    assert "<i>Ines" not in text(shown)
    assert "default-src 'none'" in shown["Content-Security-Policy"]  # it may come as anybody's words
    assert "script-src" not in shown["Content-Security-Policy"]
    assert client.get(reverse("mail", args=[10**9])).status_code == 404
    subject = "You are no longer trusted as &lt;b&gt;Auditor&lt;/b&gt;"
    person = Notice.objects.get().recipient_id
    for to, is_listed in ((person, True), (10**9, False), ("x", True)):
        assert (subject in text(client.get(f"{reverse('mail_list')}?to={to}"))) is is_listed, to


# --- the admin -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def staff(northwind: Northwind) -> Person:
    """An auditor who is also staff."""
    Person.objects.filter(pk=northwind.yuki.pk).update(is_staff=True)
    northwind.yuki.refresh_from_db()
    return northwind.yuki


@pytest.mark.rule("S5")
def test_admin_site_needs_role_and_staff(
    northwind: Northwind,
) -> None:
    root = Person.objects.create_superuser("root@northwind.example", name="Root")
    for who in (root, northwind.yuki, northwind.rita):
        answer = client_of(who).get(reverse("admin:index"), follow=True)
        assert answer.status_code == 404, who


@pytest.mark.rule("H1")
def test_every_model_of_ours_is_registered_read_only(staff: Person, rf: Any) -> None:
    site = admin_site.mount()
    request = rf.get("/admin/")
    request.user = Person.objects.get(pk=staff.pk)
    request.user.is_superuser = True
    request.actor = Actor.of_person(request.user)
    ours = {model for label in admin_site.VISIBLE_APPS for model in apps.get_app_config(label).get_models()}
    assert {model._meta.label_lower for model in ours - set(site._registry)} == {"controls.freetext"}
    for model, shown in site._registry.items():
        assert shown.has_view_permission(request), model
        for may in (shown.has_add_permission, shown.has_change_permission, shown.has_delete_permission):
            assert not may(request), model
        assert shown.get_actions(request) == {}, model
        assert not admin_site.HIDDEN_FIELDS & {*shown.get_fields(request), *shown.get_list_display(request)}, model


@pytest.mark.rule("H1")
def test_admin_site_is_read_only(staff: Person) -> None:
    Person.objects.filter(pk=staff.pk).update(is_superuser=True)
    client = client_of(Person.objects.get(pk=staff.pk))
    row = RoleAssignment.objects.first()
    assert row is not None
    index = text(client.get(reverse("admin:index")))
    assert "Role assignments" in index
    assert "Free texts" not in index
    for name in ("controls_ledgerevent", "controls_historicalperson", "inventory_automation", "approvals_decision"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200, name
        assert client.get(reverse(f"admin:{name}_add")).status_code == 403, name
    change = reverse("admin:controls_roleassignment_change", args=[row.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"role": "admin"}).status_code == 403
    assert (
        client.post(reverse("admin:controls_roleassignment_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    )
    assert client.post(reverse("admin:password_change"), {}).status_code == 404
    assert RoleAssignment.objects.get(pk=row.pk).role == row.role


def test_admin_site_hides_passwords_and_typed_texts(staff: Person, northwind: Northwind) -> None:
    northwind.rita.set_password("correct horse battery staple")
    northwind.rita.save(update_fields=["password"])
    page = text(client_of(staff).get(reverse("admin:controls_person_change", args=[northwind.rita.pk])))
    assert "Rita Novak" in page
    assert "md5$" not in page
    assert northwind.rita.password not in page


def test_health_page_shows_jobs_and_problems(northwind: Northwind) -> None:
    JobRun.objects.create(
        job="controls.seal", started_at=NOW, began_at=NOW, ended_at=NOW, seen_at=NOW, error="LookupError"
    )
    page = text(client_of(northwind.ines).get(reverse("health")))
    assert "controls.seal" in page
    assert "Late" in page
    assert "has not run" in page
