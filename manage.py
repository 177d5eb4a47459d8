#!/usr/bin/env python3
"""Django's command line for Specway Connections, and `quickstart` before it."""

import os
import sys

# In words that an old Python understands as well.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Specway Connections needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2])  # noqa: UP031

NOT_INSTALLED = "The packages are not installed in this Python. README.md, heading 'Run it', has the line for that."


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        if sys.argv[1:2] == ["quickstart"]:
            from config.quickstart.command import main as quickstart

            sys.exit(quickstart(sys.argv[2:]))
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError as error:
        if error.name and error.name.startswith(("apps", "config")):
            raise
        sys.exit(NOT_INSTALLED)
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
