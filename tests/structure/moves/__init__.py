"""Maps and scripts of the renames before 0.1.0, kept as history.

A map shows the move of its time: later commits have moved some of its targets again.
"""
