"""Addresses of bringing in: from an export or a description to a submission."""

from __future__ import annotations

from django.urls import path

from approvals.views import bring_in, connecting, describing, promoting, resubmitting, uploads

urlpatterns = [
    path("bring-in/", bring_in.bring_in, name="bring_in"),
    path("bring-in/form/", describing.describe, name="bring_in_form"),
    path("bring-in/uploads/add/", uploads.add, name="import_add"),
    path("bring-in/uploads/<int:pk>/", uploads.upload, name="import_batch"),
    path("bring-in/uploads/<int:pk>/report/", uploads.report, name="import_report"),
    path("bring-in/uploads/<int:pk>/discard/", uploads.discard, name="import_batch_discard"),
    path("bring-in/<int:pk>/", bring_in.preview, name="import_preview"),
    path("bring-in/<int:pk>/panel/", bring_in.panel, name="import_panel"),
    path("bring-in/<int:pk>/submit/", bring_in.submit, name="import_submit"),
    path("bring-in/<int:pk>/discard/", bring_in.discard, name="import_discard"),
    path("bring-in/<int:pk>/bind/<str:key>/", connecting.bind, name="import_bind"),
    path("automations/<int:pk>/promote/", promoting.promote, name="promote"),
    path("automations/<int:pk>/again/", resubmitting.submit_again, name="submit_again"),
]
