"""Addresses of the register."""

from django.urls import path

from inventory.automations.views import automations, transfers
from inventory.chains import views as chain_views
from inventory.credentials.views import credentials
from inventory.identities import views as identity_views
from inventory.ownership.views import interim_owners
from inventory.resources.views import bindings, incidents, resources

urlpatterns = [
    path("automations/<int:pk>/", automations.automation, name="automation"),
    path("automations/<int:pk>/chain/", chain_views.automation_chain, name="automation_chain"),
    path("automations/<int:pk>/resume/", automations.resume, name="automation_resume"),
    path("automations/<int:pk>/retire/", automations.retire, name="automation_retire"),
    path("automations/<int:pk>/transfer/", transfers.request_transfer, name="automation_transfer"),
    path("transfers/<int:pk>/accept/", transfers.accept, name="transfer_accept"),
    path("transfers/<int:pk>/drop/", transfers.drop, name="transfer_drop"),
    path("automations/<int:pk>/amend/", automations.amend, name="automation_amend"),
    path("automations/<int:pk>/raise/", automations.raise_tier, name="automation_raise"),
    path("resources/new/", resources.new, name="resource_new"),
    path("resources/<int:pk>/", resources.resource, name="resource"),
    path("resources/<int:pk>/accept/", resources.accept, name="resource_accept"),
    path("resources/<int:pk>/activate/", resources.activate, name="resource_activate"),
    path("resources/<int:pk>/owner/", resources.name_owner, name="resource_name_owner"),
    path("resources/<int:pk>/amend/", resources.amend, name="resource_amend"),
    path("resources/<int:pk>/entitlements/new/", resources.entitlement, name="resource_entitlement"),
    path("resources/<int:pk>/connections/new/", bindings.bind_connection, name="resource_connection"),
    path("resources/<int:pk>/incident/", incidents.declare, name="resource_incident"),
    path("incidents/<int:pk>/end/", incidents.end, name="incident_end"),
    path("credentials/<int:pk>/", credentials.credential, name="credential"),
    path("credentials/<int:pk>/describe/", credentials.describe_credential, name="credential_describe"),
    path("credentials/<int:pk>/reach/", credentials.declare_reach, name="credential_reach"),
    path("credentials/<int:pk>/kept-in/", credentials.claim_store, name="credential_kept_in"),
    path("credentials/<int:pk>/kept-here/", credentials.confirm_store, name="credential_kept_here"),
    path("credentials/<int:pk>/not-kept-here/", credentials.refuse_store, name="credential_not_kept_here"),
    path("identities/<int:pk>/", identity_views.identity, name="identity"),
    path("ownerless/", interim_owners.ownerless_list, name="ownerless"),
    path("ownerless/<str:kind>/<int:pk>/name/", interim_owners.name_interim, name="interim_name"),
    path("interim/<int:pk>/confirm/", interim_owners.confirm_named, name="interim_confirm"),
    path("interim/<int:pk>/drop/", interim_owners.drop_interim, name="interim_drop"),
    path("connections/<int:pk>/agree/", bindings.agree, name="binding_agree"),
    path("connections/<int:pk>/share/", bindings.share, name="binding_share"),
    path("connections/<int:pk>/drop/", bindings.drop, name="binding_drop"),
]
