"""`manage.py quickstart`: from a fresh clone to a running product, in one command.

It is not one of Django's management commands, because the settings do not load before it has written `.env`.
"""
