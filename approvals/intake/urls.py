"""URLs of the import: from an export or a description to a submission."""

from __future__ import annotations

from django.urls import path

from approvals.intake.views import connections, imports, manual_description, promotion, resubmission, uploads

urlpatterns = [
    path("bring-in/", imports.bring_in, name="bring_in"),
    path("bring-in/form/", manual_description.describe, name="bring_in_form"),
    path("bring-in/uploads/add/", uploads.add, name="import_add"),
    path("bring-in/uploads/<int:pk>/", uploads.upload, name="import_batch"),
    path("bring-in/uploads/<int:pk>/report/", uploads.report, name="import_report"),
    path("bring-in/uploads/<int:pk>/discard/", uploads.discard, name="import_batch_discard"),
    path("bring-in/<int:pk>/", imports.preview, name="import_preview"),
    path("bring-in/<int:pk>/panel/", imports.panel, name="import_panel"),
    path("bring-in/<int:pk>/submit/", imports.submit, name="import_submit"),
    path("bring-in/<int:pk>/discard/", imports.discard, name="import_discard"),
    path("bring-in/<int:pk>/bind/<str:key>/", connections.bind, name="import_bind"),
    path("automations/<int:pk>/promote/", promotion.promote, name="promote"),
    path("automations/<int:pk>/again/", resubmission.submit_again, name="submit_again"),
]
