"""Addresses of the demo's own pages. Production settings do not include them."""

from __future__ import annotations

from django.urls import path

from governance.portal.demo_pages import views as demo_page_views

urlpatterns = [
    path("sign-in/", demo_page_views.demo_sign_in, name="demo_sign_in"),
    path("clock/", demo_page_views.clock_page, name="clock"),
    path("mail/", demo_page_views.mail_list, name="mail_list"),
    path("mail/<int:pk>/", demo_page_views.mail, name="mail"),
    path("mail/<int:pk>/html/", demo_page_views.mail_html, name="mail_html"),
    path("mail/<int:pk>/deadlines.ics", demo_page_views.mail_dates, name="mail_dates"),
]
