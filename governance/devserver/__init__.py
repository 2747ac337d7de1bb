"""The one-command runner: brings up database, broker, web, worker and beat, and takes them down again.

Standard library only, so that its words reach people even when a requirement is missing. Two modules here are programs
of their own and may import more: `probe` (asks a given database or broker whether it answers) and `fonts` (cuts the
typefaces to size). What the application does is none of its business.
"""
