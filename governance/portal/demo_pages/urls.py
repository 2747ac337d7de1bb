"""Addresses of the demo's own pages, which answer 404 outside a demo. Production settings do not include them."""

from django.urls import path

from governance.portal.demo_pages import views as demo_page_views

PAGES = (
    ("sign-in/", demo_page_views.demo_sign_in, "demo_sign_in"),
    ("clock/", demo_page_views.clock_page, "clock"),
    ("mail/", demo_page_views.mail_list, "mail_list"),
    ("mail/<int:pk>/", demo_page_views.mail, "mail"),
    ("mail/<int:pk>/html/", demo_page_views.mail_html, "mail_html"),
    ("mail/<int:pk>/deadlines.ics", demo_page_views.mail_dates, "mail_dates"),
)
urlpatterns = [path(route, demo_page_views.demo_only(view), name=name) for route, view, name in PAGES]
