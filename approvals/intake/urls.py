"""URLs of the import: from an export or a description to a submission."""

from __future__ import annotations

from django.urls import path

from approvals.intake.views import connections, imports, manual_description, registered_version, uploads

urlpatterns = [
    path("import/", imports.start, name="import"),
    path("import/form/", manual_description.describe, name="import_form"),
    path("import/uploads/add/", uploads.add, name="import_add"),
    path("import/uploads/<int:pk>/", uploads.upload, name="import_batch"),
    path("import/uploads/<int:pk>/report/", uploads.report, name="import_report"),
    path("import/uploads/<int:pk>/discard/", uploads.discard, name="import_batch_discard"),
    path("import/<int:pk>/", imports.preview, name="import_preview"),
    path("import/<int:pk>/panel/", imports.panel, name="import_panel"),
    path("import/<int:pk>/discard/", imports.discard, name="import_discard"),
    path("import/<int:pk>/bind/<str:key>/", connections.bind, name="import_bind"),
    path("automations/<int:pk>/promote/", registered_version.promote, name="promote"),
    path("automations/<int:pk>/again/", registered_version.submit_again, name="submit_again"),
]
