"""`python -m specway` is the program `specway`."""

from specway.cli import run

run()
