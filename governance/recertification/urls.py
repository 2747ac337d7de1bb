"""Addresses of recertification."""

from __future__ import annotations

from django.urls import path

from governance.recertification.views import evidence, pages, panels, quality, together

urlpatterns = [
    path("recertify/", pages.mine, name="recert_mine"),
    path("recertify/together/", together.together, name="recert_together"),
    path("recertify/submit/", pages.submit, name="recert_submit"),
    path("recertify/<int:pk>/", pages.item, name="recert_item"),
    path("recertify/<int:pk>/answer/", pages.answer, name="recert_answer"),
    path("recertify/<int:pk>/correct/", pages.correct, name="recert_correct"),
    path("campaigns/<int:pk>/quality/", quality.campaign_quality, name="campaign_quality"),
    path("campaigns/<int:pk>/evidence/<slug:form>/", evidence.campaign_evidence, name="campaign_evidence"),
    path("automations/<int:pk>/recertifications/", panels.automation_items, name="automation_items"),
]
