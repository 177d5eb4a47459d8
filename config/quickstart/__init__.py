"""`manage.py quickstart`: from a fresh clone to a running product, in one command.

It stands outside Django's commands, because the settings refuse to load before it has written `.env`.
"""
