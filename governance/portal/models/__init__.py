"""Rows of the portal: the figures of the dashboard."""

from governance.portal.models.figure import Figure

__all__ = ["Figure"]
