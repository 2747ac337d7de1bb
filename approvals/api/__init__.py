"""The API for programs (A17, S5): the same operations, refusals and words as the pages, as documents.

It stands above the pages of approvals and beside none: what it says is drawn by what draws them, what it does by the same operations.
"""
