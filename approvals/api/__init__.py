"""The API for programs (A17, S5): the operations, refusals and words of the pages, as documents.

It builds on the page layer of approvals, which draws its content.
"""
