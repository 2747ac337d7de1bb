"""Importers: pure functions from an export to a manifest. No Django, no ORM, no settings, no network, no execution.

`reader` reads an uploaded file, `files` reads files and folders. A result holds a `Manifest` and the secrets found,
without their values. An `ImportProblem` explains a failure. Functions of `manifest` compute the register's keys:
bindings, entitlements, privileges, digests.
"""
