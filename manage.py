#!/usr/bin/env python3
"""Django's command line for Specway Connections."""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("Specway Connections needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2])


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed in this Python. README.md, heading 'Run it', has the line that installs it.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
