"""The builder's path: from an export or a description to a submission."""
