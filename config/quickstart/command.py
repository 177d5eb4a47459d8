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
    """Run quickstart and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _quickstart(options)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except KeyboardInterrupt:
        return 130


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)  # noqa: T201 - this is a command


def _quickstart(options: argparse.Namespace) -> int:
    starts = not (options.prepare_only or options.accounts)
    addresses = _prepare_environment(options, starts=starts)
    from config.quickstart.preparation import prepare

    passwords = prepare(addresses=addresses, new_passwords=options.accounts, say=say)
    summary = _Summary(passwords)
    if not starts:
        summary.print_accounts()
        return 0
    from config.quickstart import processes

    say("Starting web, worker, beat and sandbox (Ctrl-C stops them all) …")
    try:
        return processes.run(addresses, environment=dict(os.environ), when_ready=summary.print)
    finally:
        summary.print_passwords()


def _prepare_environment(options: argparse.Namespace, *, starts: bool) -> Addresses:
    """Check the machine, write `.env` if there is none, and put the variables into this process's environment."""
    checks.require_sandbox_packages()
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
    """The ports of this run. A SANDBOX_URL of the process's environment is kept; one in `.env` moves with --port."""
    port = wanted or environment.own_port(variables)
    fixed = environment.sandbox_port_of(os.environ)
    sandbox_port = fixed or (None if wanted else environment.sandbox_port_of(variables)) or port + 100
    if must_be_free:
        checks.require_free(port, option="--port")
        if fixed:
            checks.require_free(fixed, option="SANDBOX_URL")
        else:
            sandbox_port = checks.first_free_port(sandbox_port)
    return Addresses(port=port, sandbox_port=sandbox_port)


def _var_dir(variables: dict[str, str]) -> Path:
    return BASE_DIR / (variables.get("VAR_DIR") or "var")


class _Summary:
    """The last lines: the address, and the passwords, which are printed once whatever happens."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords

    def print(self) -> None:
        say(f"{'-' * 72}\nReady. Open {os.environ['PUBLIC_URL']}/")
        self.print_accounts()
        say("-" * 72)

    def print_accounts(self) -> None:
        if not self._passwords:
            say("The accounts exist already. To set and print new passwords: manage.py quickstart --accounts")
        self.print_passwords()

    def print_passwords(self) -> None:
        passwords, self._passwords = self._passwords, {}
        for email, password in passwords.items():
            say(f"Log in as {email} with password {password}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py quickstart", description="Prepare everything and start the product on this machine."
    )
    parser.add_argument(
        "--port", type=_port, help=f"of the web pages (default: that of PUBLIC_URL, else {DEFAULT_PORT})"
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--prepare-only", action="store_true", help="prepare everything without starting it")
    mode.add_argument("--accounts", action="store_true", help="set new passwords for the demo team and print them")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number (1 to 65535).")
    return int(text)
