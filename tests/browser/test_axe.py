"""Every page that a person can open, in one Chromium: axe finds nothing on it in light and dark, no text is too small, and on a phone it never
scrolls sideways.

The pages stand in `TOUR`, by the name of their address; a page that is missing there fails the first test, so that a new one
is looked at too. The review is looked at after a no as well (`tour_refusals`). What pages say is tested elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from approvals.grants.transitions import stops
from governance.core.clock import current_time
from tests import run_lengths
from tests.axe import is_too_wide, too_small, violations
from tests.browser.tour_company import HALF, World
from tests.people import as_actor
from tests.processes import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 844}

#: Longer than the tour lasts on a slow machine: for so long a password counts as recent.
LONGEST = timedelta(hours=1)

#: Whether the panels that a page loads after itself have come.
PANELS_ARE_THERE = "() => !document.querySelector('[hx-trigger=load]')"

#: What asks before something is done is one template with other words: which of its two buttons stands on it, or nothing on other pages.
QUESTION = (
    "() => document.querySelector('main > form.narrow > .panel-head + .panel-body + .dialog-foot > button')?.className"
)

#: One stop: who opens it (empty: nobody signed in), the name of the address, its arguments by their names in `World`, and a query
#: string where the page has another face.
TOUR = (
    ("", "account_login"),
    ("", "account_reset_password"),
    ("", "account_reset_password_done"),
    ("", "account_reset_password_from_key"),
    ("", "account_reset_password_from_key_done"),
    ("tom", "account_change_password"),
    ("rita", "import"),
    ("rita", "import_form"),
    ("rita", "import_batch", "upload"),
    ("rita", "import_batch", "upload", "?show=new"),
    ("rita", "import_preview", "item"),
    ("rita", "import_bind", "item", "key"),
    ("rita", "withdraw", "submission"),
    ("rita", "automation_list"),
    ("rita", "automation_list", "?q=nothing+like+it"),
    ("rita", "automation_list", "?risk=high&sort=-risk"),  # a view that can be saved
    ("rita", "resource_list"),
    ("sana", "identity_list"),
    ("sana", "credential_list"),
    ("sana", "grant_list"),
    ("sana", "submission_list"),
    ("yuki", "reports"),
    ("yuki", "access_matrix"),
    ("rita", "search"),
    ("rita", "mfa_index"),
    ("rita", "mfa_activate_totp"),
    ("rita", "account_logout"),
    ("rita", "account_reauthenticate"),
    ("rita", "my_tokens"),  # who has one
    ("rita", "my_sign_in"),
    ("rita", "promote", "below"),
    ("theo", "me"),
    ("theo", "notifications"),
    ("theo", "my_mail"),
    ("theo", "review", "promoted"),  # against the version in test
    ("theo", "review", "alike"),  # of which Theo says whether it is the same
    ("theo", "review", "light"),  # on the light path, still to be decided
    ("theo", "my_tokens"),
    ("omar", "approvals"),
    ("omar", "approval_panel", "submission"),
    ("omar", "saved_view_save", "?tier=high"),
    ("omar", "decide_together", "?of={submission}"),
    ("omar", "home"),
    ("sana", "dashboard"),
    ("rita", "dashboard"),
    ("omar", "review", "submission"),
    ("omar", "recert_mine"),
    ("jonas", "campaign", "campaign"),
    ("sana", "campaign", "campaign"),
    ("sana", "campaign", "opening"),
    ("sana", "campaign_list"),
    ("sana", "campaign_list", "?show=closed&tier=high"),
    ("sana", "campaign_new"),
    ("sana", "campaign_new", "?about=both&tier=high&until=2020-01-01"),
    ("sana", "campaign_calendar", "?whose=all"),
    ("omar", "recert_item", "review"),
    ("jonas", "recert_together"),
    ("sana", "campaign_quality", "campaign"),
    ("omar", "resource_entitlement", "resource"),
    ("omar", "resource", "resource"),
    ("omar", "credential", "credential"),
    ("omar", "credential_describe", "credential"),
    ("omar", "credential_reach", "credential"),
    ("lena", "credential", "credential"),
    ("lena", "resource", "store"),
    ("jonas", "automation_amend", "automation"),
    ("sana", "sample", "sample"),
    ("sana", "sample", "of_policy"),
    ("sana", "signals"),
    ("sana", "conflict_list"),
    ("rita", "conflict_list", "?show=waived"),
    ("sana", "conflict", "conflict"),
    ("sana", "conflict_rules"),
    ("sana", "conflict_rule", "rule"),
    ("sana", "waiver_list"),
    ("rita", "waiver_list", "?show=live"),
    ("tom", "waiver_list", "?show=over"),
    ("sana", "waiver", "waiver"),
    ("sana", "waiver_end", "granted"),
    ("jonas", "waiver_ask", "automation"),
    ("jonas", "waiver_withdraw", "waiver"),
    ("sana", "held_batches"),
    ("ines", "held_batches", "?show=ended"),
    ("ines", "held_batch", "batch"),
    ("yuki", "held_batch", "batch"),  # who reads it and does not answer
    ("omar", "revocations"),
    ("sana", "revocations", "?show=overdue"),
    ("sana", "revocations", "?show=done"),
    ("omar", "revocation", "revocation"),
    ("sana", "revocation", "half_revoked"),
    ("jonas", "revocation", "half_revoked"),  # who gains by it reads why he does not say that it is gone
    ("sana", "revocation", "removed"),
    ("ines", "rule_new"),
    ("ines", "rule_propose", "rule"),
    ("ines", "rule_propose", "rule", "?as=text"),
    ("ines", "rule_amend", "proposed_rule"),
    ("sana", "automation", "automation"),
    ("sana", "automation", "automation", "?tab=privileges"),
    ("sana", "automation", "automation", "?tab=versions"),
    ("sana", "automation", "automation", "?tab=submissions"),
    ("sana", "automation", "automation", "?tab=timeline"),
    ("sana", "automation_items", "automation"),
    ("sana", "item_list"),
    ("sana", "automation_submissions", "automation"),
    ("sana", "automation_grants", "automation", "?show=ended"),
    ("sana", "automation_chain", "automation"),
    ("sana", "automation_chain", "joined"),  # with its purposes, its calls, and its unknowns
    ("theo", "review_chain", "submission"),
    ("theo", "review_timeline", "submission"),
    ("sana", "automation_raise", "automation"),
    ("sana", "ownerless"),
    ("sana", "identity", "identity"),
    ("sana", "identity_grants", "identity"),
    ("sana", "credential", "unowned"),
    ("sana", "resource", "ownerless"),  # an owner who left, and nobody named
    ("sana", "interim_name", "resource_kind", "ownerless"),
    ("amara", "resource", "orphan"),  # who named somebody reads why they do not confirm it
    ("amara", "interim_drop", "named"),
    ("sana", "resource", "resource"),
    ("omar", "resource_incident", "resource"),
    ("mei", "resource", "in_incident"),
    ("mei", "incident_end", "incident"),
    ("sana", "resource_grants", "resource"),
    ("ines", "people"),
    ("ines", "person", "person"),
    ("ines", "person_tasks", "person"),
    ("ines", "person_add"),
    ("ines", "set_up"),
    ("ines", "lists"),
    ("ines", "list_upload", "lists"),
    ("ines", "confirmations"),
    ("rita", "confirmations"),
    ("ines", "person_left", "person"),
    ("yuki", "leavers"),
    ("ines", "person_left", "leaver"),  # who held nothing
    ("ines", "person_left", "gone"),
    ("ines", "person", "leaver"),
    ("ines", "erasure_confirm", "erasure"),
    ("ines", "team", "team"),
    ("ines", "team", "fallback"),
    ("rita", "policies"),
    ("sana", "policies"),
    ("rita", "policy", "policy_number"),
    ("karl", "policy_propose"),  # while another is under way: 409
    ("ines", "policy_amend", "proposal"),
    ("ines", "policy_amend", "proposal", "?as=text"),
    ("ines", "proposals"),
    ("ines", "proposal", "proposal"),
    ("sana", "proposal", "proposal"),
    ("ines", "resource_propose", "resource"),
    ("theo", "team_webhooks", "team"),
    ("theo", "webhook", "webhook"),
    ("ines", "webhooks"),
    ("ines", "resource_new"),
    ("ines", "health"),
    ("nadia", "help"),
    ("nadia", "help_rules"),
    ("nadia", "help_rule", "help_rule"),
    ("nadia", "glossary"),
    ("ines", "clock"),
    ("ines", "mail_list"),
    ("ines", "mail", "notice"),
    ("yuki", "ledger", "?outcome=refused"),
    ("yuki", "search", "?q=a"),
    ("yuki", "automation_amend", "automation"),  # not for an auditor to do: 403
    ("nadia", "automation", "automation"),  # not there for another team's lead: 404
    # The question before something is done, and forms of one kind.
    ("rita", "import_discard", "item"),
    ("rita", "import_batch_discard", "upload"),
    ("jonas", "automation_retire", "automation"),
    ("theo", "automation_transfer", "automation"),
    ("grace", "automation", "moving"),  # whose team is asked to take it over
    ("grace", "transfer_accept", "transfer"),
    ("theo", "transfer_drop", "transfer"),
    ("jonas", "decline", "subset"),
    ("omar", "resource_amend", "resource"),
    ("omar", "resource_connection", "resource"),
    ("omar", "credential_kept_in", "credential"),
    ("omar", "saved_view_remove", "view"),
    ("omar", "recert_correct", "revoked", "?asks=acceptable&answer=keep"),
    ("omar", "review", "submission", "?open={record}"),
    ("ines", "resource_name_owner", "ownerless"),
    ("ines", "person_erase", "leaver"),
    ("ines", "team_found"),
    ("ines", "role_end", "role"),
    ("theo", "webhook_remove", "webhook"),
    # Of somebody who has a second factor.
    (HALF, "mfa_authenticate"),
    ("tom", "mfa_index"),
    ("tom", "mfa_reauthenticate"),
    ("tom", "mfa_view_recovery_codes"),
    ("tom", "mfa_generate_recovery_codes"),
    ("tom", "mfa_deactivate_totp"),
)
#: The same automation once Stop was pressed.
STOPPED = (
    ("jonas", "stop", "stop"),
    ("sana", "automation", "automation"),
    ("rita", "automation_resume", "automation"),
)

#: What is no page: it takes a form, leads on, or sends a file, a part of a page or a mail as it was sent.
ACTIONS = {
    *("accept", "answer", "comment", "decide", "object", "import_panel"),
    *("automation_stop", "grant_stop", "identity_stop", "resource_stop", "team_stop", "stop_explain", "stop_undo"),
    *("import_add", "import_report", "undo", "recert_calendar", "introduction_close"),
    *("recert_answer", "recert_submit", "resource_accept", "resource_activate", "delegation_set", "delegation_end"),
    *("role_propose", "team_leads", "team_join", "team_leave", "ledger_verify", "ledger_export"),
    *("campaign_evidence", "recert_card", "notification_open", "notifications_read"),
    *("webhook_test", "webhook_pause", "webhook_resume", "webhook_renew_key"),
    *(
        "demo_sign_in",
        "binding_agree",
        "binding_share",
        "binding_drop",
        "erasure_drop",
        "interim_confirm",
        "submit_again",
    ),
    *("openid_connect_login", "openid_connect_callback", "openid_connect_logout", "scim"),
    *("session_end", "other_sessions_end", "account_unlink"),
    *("credential_kept_here", "credential_not_kept_here", "token_revoke"),
    *("list_template", "list_report", "try_mail", "pick_people"),
    *("person_invite", "check_text", "team_fallback", "proposal_answer", "mail_html", "mail_dates"),
}


def names(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[str]:
    """The names of all addresses but those of the read-only admin, whose pages are Django's own, and of the API, which has none."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield pattern.name or ""
        elif pattern.namespace not in ("admin", "api"):
            yield from names(pattern.url_patterns)


def test_every_page_is_on_the_tour() -> None:
    visited = {stop[1] for stop in (*TOUR, *STOPPED)}
    assert set(names(get_resolver().url_patterns)) == visited | ACTIONS
    assert not visited & ACTIONS


@pytest.mark.browser
def test_axe_passes_and_no_page_scrolls_sideways_on_phone(
    open_page: Callable[..., Page], site: Site, committed: None
) -> None:
    world, page = World(), open_page(viewport=WIDE)
    problems = tour(page, site, world, TOUR) | tour_refusals(page, site, world)
    pressed = stops.stop_automation(world.held, actor=as_actor(world.people.jonas), now=current_time.now())
    world.stop = pressed.pk
    problems |= tour(page, site, world, STOPPED)
    assert not problems, json.dumps(problems, indent=1)


def tour(page: Page, site: Site, world: World, stops: Iterable[tuple[str, ...]]) -> dict[str, list[str]]:
    """Open each stop as its person, and return what is wrong with it, by address."""
    problems: dict[str, list[str]] = {}
    cookies: dict[str, str] = {}
    seen, signed_in = set[str](), None
    for who, name, *more in stops:
        if who != signed_in:
            page.context.clear_cookies()
            signed_in = who
        if who and who not in cookies:
            cookies[who] = world.session_of(who, ahead=LONGEST)
        if who:
            page.context.add_cookies([{"name": "sessionid", "value": cookies[who], "url": site.url}])
        path = world.path(name, *more)
        page.goto(path)
        assert page.url.partition(site.url)[2] == path, f"{path} as {who}: it led elsewhere"
        if not page.evaluate(PANELS_ARE_THERE):  # to wait takes a turn of drawing even where nothing is waited for
            page.wait_for_function(PANELS_ARE_THERE)
        face = page.evaluate(QUESTION) or (
            f"{name} with a row open" if any("open=" in argument for argument in more) else name
        )
        if wrong := looked_at(page, is_again=face in seen and not run_lengths.IS_SOAK):
            problems[f"{path} as {who or 'nobody'}"] = wrong
        seen.add(face)
    return problems


def tour_refusals(page: Page, site: Site, world: World) -> dict[str, list[str]]:
    """What is wrong with the review page after decisions that it does not take: without a reason (422), and on what has changed (409)."""
    problems: dict[str, list[str]] = {}
    for who, pk, key, key_opens in (
        ("omar", world.submission, str(world.record), f"?open={world.record}"),
        ("theo", world.high, "app", ""),
    ):
        page.context.add_cookies([{"name": "sessionid", "value": world.session_of(who), "url": site.url}])
        for status in (422, 409):
            page.goto(reverse("review", args=[pk]) + key_opens)
            for box in page.locator("[data-row-select]").all():
                box.set_checked(box.get_attribute("data-key") == key)
            if status == 409:
                page.locator("#reason").fill("It reads what it needs.")
                approval = page.locator(f"[data-row-select][data-key='{key}']").get_attribute("value")
                page.locator(f"[name=shown_digest-{approval}]").evaluate("(field) => { field.value = '0'.repeat(64); }")
            page.locator("#bar [value=approve]").click()
            page.wait_for_selector("#reason[aria-invalid]" if status == 422 else f"#refusal-{key} .refusal")
            if wrong := looked_at(page, is_again=False):
                problems[f"{status} on {key} as {who}"] = wrong
    return problems


def looked_at(page: Page, *, is_again: bool) -> list[str]:
    """What axe says of the page that is open, whether it is wider than a screen or a phone, and its texts too small.

    In the dark theme it looks at colours, which are all that the theme changes: there the first time, and in the light one. Of the same
    page with something else on it everything but colours is looked at (`is_again`); the long version looks at all of it each time.
    """
    wrong = violations(page, but_colours=is_again) + (["wider than the screen"] if is_too_wide(page) else [])
    wrong += too_small(page)
    if not is_again:
        page.emulate_media(color_scheme="dark")
        wrong += [f"in dark, {violation}" for violation in violations(page, colours_only=True)]
        page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    too_wide = is_too_wide(page)
    page.set_viewport_size(WIDE)
    return wrong + (["wider than a phone"] if too_wide else [])
