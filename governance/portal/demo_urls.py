"""Addresses of the demo's own pages. Production settings do not install them."""

from __future__ import annotations

from django.urls import path

from governance.portal.views import demo

urlpatterns = [
    path("sign-in/", demo.demo_sign_in, name="demo_sign_in"),
    path("clock/", demo.clock_page, name="clock"),
    path("mail/", demo.mail_list, name="mail_list"),
    path("mail/<int:pk>/", demo.mail, name="mail"),
    path("mail/<int:pk>/html/", demo.mail_html, name="mail_html"),
    path("mail/<int:pk>/deadlines.ics", demo.mail_dates, name="mail_dates"),
]
