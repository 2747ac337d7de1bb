"""Conflict rules: access that may not be held together (S6).

`rule_language`, `default_rules` and `imports` are pure.
"""
