"""The command line: `python -m apps.sandbox serve` and `python -m apps.sandbox register-client`."""

import argparse
import os
import sys
from importlib.util import find_spec
from urllib.parse import urlsplit

NEEDED = ("csp", "django", "environ", "gunicorn", "oauth2_provider", "whitenoise")
NOT_INSTALLED = "The sandbox needs this project's packages. Install them as described in README.md, 'Run it'."


def main() -> None:
    options = _parser().parse_args()
    if not all(find_spec(package) for package in NEEDED):
        sys.exit(NOT_INSTALLED)
    from apps.sandbox import service

    if options.command == "serve":
        service.serve(port=options.port)
    else:
        service.register_client(name=options.name, redirect_uris=options.redirect_uri)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m apps.sandbox", description="A practice service on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="migrate the database and serve until interrupted")
    serve.add_argument("--port", type=int, default=_default_port(), help="0 for any free port")
    register = commands.add_parser("register-client", help="print a client ID and a new client secret as JSON")
    register.add_argument("--name", default="specway", help="registering a name again replaces the client's secret")
    register.add_argument("--redirect-uri", action="extend", nargs="+", required=True, metavar="URI")
    return parser


def _default_port() -> int:
    return urlsplit(os.environ.get("SANDBOX_URL", "")).port or 8100


if __name__ == "__main__":
    main()
