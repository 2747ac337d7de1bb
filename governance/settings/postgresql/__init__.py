"""Django's backend for PostgreSQL with two changes of ours; `base` is the module that Django looks for."""
