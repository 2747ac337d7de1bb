"""The one-command runner: brings up database, broker, web, worker and beat, and takes them down again.

Standard library only, so that its words reach people even when a requirement is missing. The module `prepare` is a program
of its own and may import more. What the application does is none of its business.
"""
