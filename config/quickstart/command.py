"""The command line of quickstart, and the order of its steps."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from config.quickstart import checks, environment
from config.quickstart.environment import BASE_DIR, DEFAULT_PORT, Addresses
from config.quickstart.refusal import Refusal


def main(arguments: Sequence[str]) -> int:
    """Runs quickstart; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _quickstart(options)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except KeyboardInterrupt:
        return 130


def say(text: str) -> None:
    """One line for the person at the terminal, also through a pipe at once."""
    print(text, flush=True)  # noqa: T201 - this is a command


def _quickstart(options: argparse.Namespace) -> int:
    starts = not (options.prepare_only or options.accounts)
    addresses = _surroundings(options, starts=starts)
    from config.quickstart.preparation import prepare

    passwords = prepare(addresses=addresses, new_passwords=options.accounts, say=say)
    farewell = _Farewell(passwords)
    if not starts:
        farewell.print_accounts()
        return 0
    from config.quickstart import processes

    say("Starting web, worker, beat and sandbox (Ctrl-C stops them all) …")
    try:
        return processes.run(addresses, environment=dict(os.environ), when_ready=farewell.print)
    finally:
        farewell.print_passwords()


def _surroundings(options: argparse.Namespace, *, starts: bool) -> Addresses:
    """Checks the machine, writes `.env` if there is none, and puts the variables into this process's environment."""
    env_file = environment.env_file()
    is_new = not env_file.exists()
    variables = environment.read(env_file)
    checks.require_writable(_var_dir(variables))
    addresses = _addresses(options.port, variables, must_be_free=starts or is_new)
    if is_new:
        checks.require_writable(env_file.parent)
        say(f"Writing {env_file} with fresh keys …")
        environment.write(env_file, addresses)
        variables = environment.read(env_file)
    environment.require_keys(env_file, variables)
    os.environ.update(environment.with_addresses(variables, addresses, chosen=options.port is not None))
    os.environ["SANDBOX_VAR_DIR"] = str(_var_dir(variables) / "sandbox")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    return addresses


def _addresses(wanted: int | None, variables: dict[str, str], *, must_be_free: bool) -> Addresses:
    port = wanted or environment.own_port(variables)
    sandbox_port = (None if wanted else environment.own_sandbox_port(variables)) or port + 100
    if must_be_free:
        checks.require_free(port, option="--port")
        sandbox_port = checks.first_free_port(sandbox_port)
    return Addresses(port=port, sandbox_port=sandbox_port)


def _var_dir(variables: dict[str, str]) -> Path:
    return BASE_DIR / (variables.get("VAR_DIR") or "var")


class _Farewell:
    """The last lines: where to go, and the passwords, which are printed once whatever happens."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords

    def print(self) -> None:
        say(f"Open {os.environ['PUBLIC_URL']}/")
        self.print_accounts()

    def print_accounts(self) -> None:
        if not self._passwords:
            say("The accounts were made before: manage.py quickstart --accounts sets new passwords and prints them.")
        self.print_passwords()

    def print_passwords(self) -> None:
        passwords, self._passwords = self._passwords, {}
        for email, password in passwords.items():
            say(f"Log in as {email} with password {password}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py quickstart", description="Prepare everything and start the product on this machine."
    )
    parser.add_argument("--port", type=_port, help=f"of the web pages: {DEFAULT_PORT}, or what .env says")
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--prepare-only", action="store_true", help="do everything but start")
    doing.add_argument("--accounts", action="store_true", help="set new passwords of the demo team and print them")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: take a number from 1 to 65535.")
    return int(text)
