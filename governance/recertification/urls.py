"""Addresses of recertification."""

from django.urls import path

from governance.recertification.calendar import views as calendar_views
from governance.recertification.campaigns import views as campaign_views
from governance.recertification.evidence import views as evidence_views
from governance.recertification.items.views import answer_batch, automation_panel, my_recertifications
from governance.recertification.quality import views as quality_views

urlpatterns = [
    path("recertify/", my_recertifications.show_first_card, name="recert_mine"),
    path("recertify/all/", automation_panel.item_list, name="item_list"),
    path("recertify/calendar.ics", calendar_views.deadlines, name="recert_calendar"),
    path("recertify/together/", answer_batch.answer_together, name="recert_together"),
    path("recertify/submit/", my_recertifications.submit, name="recert_submit"),
    path("recertify/<int:pk>/", my_recertifications.item, name="recert_item"),
    path("recertify/<int:pk>/answer/", my_recertifications.answer, name="recert_answer"),
    path("recertify/<int:pk>/card/", my_recertifications.answer_card, name="recert_card"),
    path("recertify/<int:pk>/correct/", my_recertifications.correct, name="recert_correct"),
    path("campaigns/<int:pk>/quality/", quality_views.campaign_quality, name="campaign_quality"),
    path("campaigns/<int:pk>/evidence/<slug:form>/", evidence_views.campaign_evidence, name="campaign_evidence"),
    path("automations/<int:pk>/recertifications/", automation_panel.item_list, name="automation_items"),
    path("campaigns/", campaign_views.campaign_list, name="campaign_list"),
    path("campaigns/new/", campaign_views.new, name="campaign_new"),
    path("campaigns/calendar/", calendar_views.calendar, name="campaign_calendar"),
    path("campaigns/<int:pk>/", campaign_views.campaign, name="campaign"),
]
