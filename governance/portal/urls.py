"""Addresses of the portal's own pages and of signing in, without sign-up and change of the mail address."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from django.urls import path, re_path
from django.views.decorators.http import require_http_methods

from governance.portal.confirmations import views as confirmation_views
from governance.portal.dashboard.views import home
from governance.portal.erasure import views as erasure_views
from governance.portal.figures import views as figure_views
from governance.portal.health import views as health_views
from governance.portal.help import views as help_views
from governance.portal.leavers import views as leaver_views
from governance.portal.ledger import views as ledger_views
from governance.portal.lists import views as list_views
from governance.portal.notifications import views as notification_views
from governance.portal.people.views import people, pick, profile
from governance.portal.read_only_admin import admin_site
from governance.portal.registers.views import register_list
from governance.portal.reports import views as report_views
from governance.portal.scim import views as scim_views
from governance.portal.search import views as search_views
from governance.portal.set_up import views as set_up_views
from governance.portal.sign_in.views import my_sign_in, sign_in
from governance.portal.single_sign_on import views as sso_views
from governance.portal.teams import views as team_views
from governance.portal.tokens import views as token_views
from governance.portal.typed_secrets import middleware
from governance.portal.webhooks.views import webhook, webhook_list, webhook_operation, webhook_remove

#: Methods for allauth's forms, which would take a PUT as a POST.
get_or_post = require_http_methods(["GET", "HEAD", "POST"])

#: Pages below ``account/``: address, view and name.
ACCOUNT = (
    ("login/", sign_in.SignIn.as_view(), "account_login"),
    ("logout/", account.logout, "account_logout"),
    ("reauthenticate/", sign_in.reauthenticate, "account_reauthenticate"),
    ("second-factor/", mfa.index, "mfa_index"),
    ("second-factor/authenticate/", mfa.authenticate, "mfa_authenticate"),
    ("second-factor/reauthenticate/", sign_in.reauthenticate_by_code, "mfa_reauthenticate"),
    ("second-factor/activate/", sign_in.Activate.as_view(), "mfa_activate_totp"),
    ("second-factor/deactivate/", sign_in.Deactivate.as_view(), "mfa_deactivate_totp"),
    ("recovery-codes/", recovery_codes.view_recovery_codes, "mfa_view_recovery_codes"),
    ("recovery-codes/generate/", sign_in.GenerateRecoveryCodes.as_view(), "mfa_generate_recovery_codes"),
    ("password/change/", sign_in.with_passwords(sign_in.ChangePassword.as_view()), "account_change_password"),
    ("password/reset/", sign_in.with_passwords(account.password_reset), "account_reset_password"),
    ("password/reset/done/", account.password_reset_done, "account_reset_password_done"),
    ("password/reset/key/done/", account.password_reset_from_key_done, "account_reset_password_from_key_done"),
)

urlpatterns = [
    path("search/", search_views.search, name="search"),
    path("", home.home, name="home"),
    path("dashboard/", figure_views.dashboard, name="dashboard"),
    *(path(f"account/{route}", get_or_post(view), name=name) for route, view, name in ACCOUNT),
    re_path(
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        get_or_post(sign_in.with_passwords(sign_in.PasswordFromKey.as_view())),
        name="account_reset_password_from_key",
    ),
    path("account/sso/<slug:provider_id>/", sso_views.begin, name="openid_connect_login"),
    path("account/sso/<slug:provider_id>/callback/", sso_views.come_back, name="openid_connect_callback"),
    path("account/sso/<slug:provider_id>/logout/", sso_views.signed_out_there, name="openid_connect_logout"),
    path("automations/", register_list, {"name": "automation_list"}, "automation_list"),
    path("resources/", register_list, {"name": "resource_list"}, "resource_list"),
    path("identities/", register_list, {"name": "identity_list"}, "identity_list"),
    path("credentials/", register_list, {"name": "credential_list"}, "credential_list"),
    path("grants/", register_list, {"name": "grant_list"}, "grant_list"),
    path("submissions/", register_list, {"name": "submission_list"}, "submission_list"),
    path("reports/", report_views.reports, name="reports"),
    path("reports/access/", report_views.access_matrix, name="access_matrix"),
    path("text/check/", middleware.check_text, name="check_text"),
    path("me/", profile.me, name="me"),
    path("me/delegations/", profile.delegation_set, name="delegation_set"),
    path("me/delegations/<int:pk>/end/", profile.delegation_end, name="delegation_end"),
    path("me/tokens/", token_views.my_tokens, name="my_tokens"),
    path("scim/v2/<slug:source>/<path:path>", scim_views.scim, name="scim"),
    path("me/sign-in/", my_sign_in.my_sign_in, name="my_sign_in"),
    path("me/sessions/end/", my_sign_in.other_sessions_end, name="other_sessions_end"),
    path("me/sessions/<int:pk>/end/", my_sign_in.session_end, name="session_end"),
    path("me/accounts/<int:pk>/unlink/", my_sign_in.account_unlink, name="account_unlink"),
    path("me/mail/", notification_views.mail_settings, name="my_mail"),
    path("notifications/", notification_views.notifications, name="notifications"),
    path("notifications/read/", notification_views.notifications_read, name="notifications_read"),
    path("notifications/<int:pk>/open/", notification_views.notification_open, name="notification_open"),
    path("tokens/<int:pk>/revoke/", token_views.token_revoke, name="token_revoke"),
    path("people/", people.people, name="people"),
    path("people/new/", people.person_add, name="person_add"),
    path("people/leavers/", leaver_views.leavers_list, name="leavers"),
    path("people/pick/<slug:among>/", pick.pick_people, name="pick_people"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/tasks/", people.person_tasks, name="person_tasks"),
    path("people/<int:pk>/invite/", sign_in.person_invite, name="person_invite"),
    path("people/<int:pk>/left/", people.person_left, name="person_left"),
    path("people/<int:pk>/erase/", erasure_views.person_erase, name="person_erase"),
    path("erasures/<int:pk>/confirm/", erasure_views.erasure_confirm, name="erasure_confirm"),
    path("erasures/<int:pk>/drop/", erasure_views.erasure_drop, name="erasure_drop"),
    path("people/<int:pk>/roles/", people.role_propose, name="role_propose"),
    path("roles/<int:pk>/end/", people.role_end, name="role_end"),
    path("confirmations/", confirmation_views.confirm_several, name="confirmations"),
    path("set-up/", set_up_views.set_up, name="set_up"),
    path("set-up/mail/", set_up_views.try_mail, name="try_mail"),
    path("lists/", list_views.lists, name="lists"),
    path("lists/empty/<slug:kind>.csv", list_views.list_template, name="list_template"),
    path("lists/<int:pk>/", list_views.list_upload, name="list_upload"),
    path("lists/<int:pk>/report.csv", list_views.list_report, name="list_report"),
    path("teams/new/", people.team_found, name="team_found"),
    path("teams/<int:pk>/", team_views.team, name="team"),
    path("teams/<int:pk>/leads/", team_views.team_leads, name="team_leads"),
    path("teams/<int:pk>/fallback/", team_views.team_fallback, name="team_fallback"),
    path("teams/<int:pk>/members/", team_views.team_join, name="team_join"),
    path("teams/<int:pk>/members/leave/", team_views.team_leave, name="team_leave"),
    path("teams/<int:pk>/webhooks/", webhook_list, name="team_webhooks"),
    path("webhooks/", webhook_list, name="webhooks"),
    path("webhooks/<int:pk>/", webhook, name="webhook"),
    path("webhooks/<int:pk>/test/", webhook_operation, {"name": "webhook_test"}, "webhook_test"),
    path("webhooks/<int:pk>/pause/", webhook_operation, {"name": "webhook_pause"}, "webhook_pause"),
    path("webhooks/<int:pk>/resume/", webhook_operation, {"name": "webhook_resume"}, "webhook_resume"),
    path("webhooks/<int:pk>/renew-key/", webhook_operation, {"name": "webhook_renew_key"}, "webhook_renew_key"),
    path("webhooks/<int:pk>/remove/", webhook_remove, name="webhook_remove"),
    path("ledger/", ledger_views.ledger, name="ledger"),
    path("ledger/verify/", ledger_views.ledger_verify, name="ledger_verify"),
    path("ledger/export/", ledger_views.ledger_export, name="ledger_export"),
    path("health/", health_views.health, name="health"),
    path("help/", help_views.start, name="help"),
    path("help/rules/", help_views.rule_list, name="help_rules"),
    path("help/rules/<str:code>/", help_views.rule, name="help_rule"),
    path("help/glossary/", help_views.glossary, name="glossary"),
    path("help/introduction/close/", help_views.introduction_close, name="introduction_close"),
    path("admin/", admin_site.mount().urls),
]
