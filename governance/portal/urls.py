"""Addresses of the portal's own pages and of signing in. Signing up, and choosing a mail address, have none."""

from __future__ import annotations

from allauth.account import views as account
from django.urls import path

from governance.portal.views import demo, home, ledger

urlpatterns = [
    path("", home.home, name="home"),
    path("account/login/", account.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("ledger/verify/", ledger.ledger_verify, name="ledger_verify"),
    path("demo/sign-in/", demo.demo_sign_in, name="demo_sign_in"),
    path("demo/clock/", demo.clock_page, name="clock"),
    path("demo/mail/", demo.mail_list, name="mail_list"),
    path("demo/mail/<int:pk>/", demo.mail, name="mail"),
]
