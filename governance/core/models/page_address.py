"""The address of a row's page."""

from typing import ClassVar

from django.urls import reverse


class HasPage:
    """A row with a page of its own, under the URL `page_name` with the value of `page_key`."""

    page_name: ClassVar[str]
    page_key: ClassVar[str] = "pk"

    @property
    def href(self) -> str:
        """The URL of its page."""
        return reverse(self.page_name, args=[getattr(self, self.page_key)])
