"""The command line: `specway connections`, `check`, `token`, `call` and `preflight`, for people and scripts."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from enum import IntEnum
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from specway.client import Client
from specway.errors import ApiError, SpecwayError
from specway.proxy import CallOptions
from specway.types import ConnectionFilters, PreflightNeed, TokenNeed


class Exit(IntEnum):
    """What scripts can rely on."""

    DONE = 0
    NO = 1  # not usable, rejected, or the service responded with 400 or more
    USAGE = 2  # wrong arguments, or no address or key
    REFUSED = 3  # Specway refused the request
    PERSON = 4  # a person has to act first: reconnect, or grant scopes
    LATER = 5  # rate limit, an outage, or no network: try again later


_PERSON = {"reauthorization_required", "missing_scopes", "integration_misconfigured", "integration_not_set_up"}
_SERVER_ERROR, _CLIENT_ERROR, _TOO_MANY = 500, 400, 429
_EPILOG = """\
SPECWAY_URL is the address of the installation. The API key is read from SPECWAY_API_KEY, or from the file that
SPECWAY_API_KEY_FILE names; it is never an argument, since other users of a machine can see those.

exit status:
  0  done; the connections are usable, the service accepted them
  1  a connection is not usable or was rejected, or the service responded to a call with 400 or more
  2  wrong arguments, or no address or key
  3  Specway refused the request (unknown ID, missing permission, invalid value)
  4  a person has to act first (reconnect, or grant scopes)
  5  try again later (rate limit, an outage, no network, a check without a result)

Results are JSON at standard output; errors are JSON at standard error."""


def run() -> None:
    """The program `specway`."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        with Client() as client:
            return int(options.command(client, options))
    except ApiError as error:
        _fail(error.problem | {"status": error.status, "code": error.code})
        return _status_of(error)
    except httpx.TransportError as error:
        _fail({"code": "no_answer", "detail": f"{type(error).__name__}: {error}"})
        return Exit.LATER
    except (SpecwayError, ValueError, OSError) as error:
        _fail({"code": "usage", "detail": str(error)})
        return Exit.REFUSED if isinstance(error, SpecwayError) else Exit.USAGE


def _status_of(error: ApiError) -> Exit:
    if error.code in _PERSON:
        return Exit.PERSON
    return Exit.LATER if error.status == _TOO_MANY or error.status >= _SERVER_ERROR else Exit.REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="specway",
        description="Connections, tokens and calls.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    listing = commands.add_parser("connections", help="list connections")
    for name in ("status", "integration", "search", "name", "account", "external-id", "owner", "sharing"):
        listing.add_argument(f"--{name}", default=None)
    listing.add_argument("--tag", action="append", dest="tags", default=None)
    listing.set_defaults(command=_connections)

    checking = commands.add_parser("check", help="verify a connection with a real call")
    checking.add_argument("connection")
    checking.set_defaults(command=_check)

    token = commands.add_parser("token", help="a fresh access token, or what an API key adds to requests")
    token.add_argument("connection")
    token.add_argument("--min-ttl", type=int, default=0, metavar="SECONDS", help="how long it must remain valid")
    token.add_argument("--strict", action="store_true", help="refuse a token that does not live that long")
    token.add_argument("--scope", action="append", dest="scopes", default=[])
    token.set_defaults(command=_token)

    preflight = commands.add_parser("preflight", help="whether a workflow's connections are usable")
    preflight.add_argument("connections", nargs="+", metavar="connection")
    preflight.add_argument("--scope", action="append", dest="scopes", default=[], help="required of each")
    preflight.add_argument("--duration", type=int, default=0, metavar="SECONDS", help="from now")
    preflight.set_defaults(command=_preflight)
    _add_call(commands)
    return parser


def _add_call(commands: Any) -> None:
    call = commands.add_parser("call", help="call the service through the proxy; its body goes to standard output")
    call.add_argument("connection")
    call.add_argument("method")
    call.add_argument("path", help="below the API's base URL, with a query")
    call.add_argument("--header", action="append", default=[], metavar="NAME: VALUE", help="no credentials are needed")
    call.add_argument("--data", metavar="TEXT|@FILE|-", help="the body: a text, a file, or standard input")
    call.add_argument("--scope", action="append", dest="scopes", default=[], help="refuse the call without it")
    call.set_defaults(command=_call)


def _connections(client: Client, options: argparse.Namespace) -> Exit:
    names = ("status", "integration", "search", "name", "account", "external_id", "owner", "sharing", "tags")
    filters: Any = {name: value for name in names if (value := getattr(options, name)) is not None}
    typed: ConnectionFilters = filters
    _show(list(client.connections(**typed)))
    return Exit.DONE


def _check(client: Client, options: argparse.Namespace) -> Exit:
    checked = client.check(options.connection)
    _show(checked)
    if checked["outcome"] == "inconclusive":
        return Exit.LATER
    needs_person = checked["connection"]["status"] == "needs_attention"
    return Exit.NO if needs_person or checked["outcome"] == "rejected" else Exit.DONE


def _token(client: Client, options: argparse.Namespace) -> Exit:
    need: TokenNeed = {"min_ttl": options.min_ttl, "strict": options.strict, "scopes": options.scopes}
    _show(client.credentials(options.connection, **need))
    return Exit.DONE


def _preflight(client: Client, options: argparse.Namespace) -> Exit:
    needs: list[PreflightNeed | str] = [
        {"connection": each, "scopes": options.scopes, "duration": options.duration} for each in options.connections
    ]
    found = client.preflight(needs)
    _show(found)
    return Exit.DONE if found["usable"] else Exit.NO


def _call(client: Client, options: argparse.Namespace) -> Exit:
    headers = [_header(line) for line in options.header]
    with (
        client.http_client(options.connection, options=CallOptions(scopes=tuple(options.scopes))) as service,
        closing(_body(options.data)) as body,
        service.stream(
            options.method, options.path.lstrip("/"), headers=headers, content=body if options.data else None
        ) as response,
    ):
        for block in response.iter_bytes():
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
        if response.status_code >= _CLIENT_ERROR:
            _fail({"code": "service_status", "status": response.status_code})
            return Exit.NO
    return Exit.DONE


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"--header takes 'NAME: VALUE', not {line!r}")
    return name.strip(), value.strip()


def _body(data: str | None) -> BinaryIO:
    """The body as a file, so that it is streamed."""
    if data == "-":
        return sys.stdin.buffer
    if data and data.startswith("@"):
        return Path(data[1:]).open("rb")
    return BytesIO((data or "").encode())


def _show(result: Any) -> None:
    json.dump(result, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def _fail(problem: Any) -> None:
    json.dump(problem, sys.stderr, ensure_ascii=False)
    sys.stderr.write("\n")
