"""URLs of the API: the operations of all apps, and the document that describes them."""
