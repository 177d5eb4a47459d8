"""The error with which quickstart ends."""


class Refusal(Exception):
    """Its message says what is wrong and what to do; quickstart prints it without a traceback and exits with code 1."""
