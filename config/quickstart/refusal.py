"""The one way in which quickstart gives up: a sentence for people."""


class Refusal(Exception):
    """Its text says what is wrong and what to do; it ends quickstart with exit code 1 and no traceback."""
