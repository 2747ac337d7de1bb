"""Addresses of recertification."""

from __future__ import annotations

from django.urls import path

from governance.recertification.views import (
    calendar,
    campaign_list,
    campaign_new,
    campaign_page,
    evidence,
    pages,
    panels,
    quality,
    together,
)

urlpatterns = [
    path("recertify/", pages.mine, name="recert_mine"),
    path("recertify/calendar.ics", calendar.deadlines, name="recert_calendar"),
    path("recertify/together/", together.together, name="recert_together"),
    path("recertify/submit/", pages.submit, name="recert_submit"),
    path("recertify/<int:pk>/", pages.item, name="recert_item"),
    path("recertify/<int:pk>/answer/", pages.answer, name="recert_answer"),
    path("recertify/<int:pk>/correct/", pages.correct, name="recert_correct"),
    path("campaigns/<int:pk>/quality/", quality.campaign_quality, name="campaign_quality"),
    path("campaigns/<int:pk>/evidence/<slug:form>/", evidence.campaign_evidence, name="campaign_evidence"),
    path("automations/<int:pk>/recertifications/", panels.automation_items, name="automation_items"),
    path("campaigns/", campaign_list.campaign_list, name="campaign_list"),
    path("campaigns/new/", campaign_new.new, name="campaign_new"),
    path("campaigns/calendar/", calendar.calendar, name="campaign_calendar"),
    path("campaigns/<int:pk>/", campaign_page.campaign, name="campaign"),
    path("campaigns/<int:pk>/call-off/", campaign_page.call_off, name="campaign_call_off"),
    path("campaigns/<int:pk>/remind/", campaign_page.remind, name="campaign_remind"),
]
