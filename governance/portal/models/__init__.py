"""Rows of the portal: the figures of the dashboard, and uploaded lists."""

from governance.portal.models.figure import Figure
from governance.portal.models.list_upload import APPLIED_OUTCOMES, ListRow, ListUpload, RowOutcome, UploadState

__all__ = ["APPLIED_OUTCOMES", "Figure", "ListRow", "ListUpload", "RowOutcome", "UploadState"]
