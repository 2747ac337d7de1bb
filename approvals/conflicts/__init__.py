"""Conflict rules: access that may not be held together (S6).

`rule_language` and `default_rules` are pure.
"""
