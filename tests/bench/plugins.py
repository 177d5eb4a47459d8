"""The Plugins page under the Procfile's own web server: `python -m tests.bench.plugins [--calls 100]`.

Prints the median time to the first byte of Plugins, of a search there (what htmx asks for), and of the help page of
the same signed-in person, and how many times the first is the last.
"""

import argparse
import http.client
import re
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.bench.home import say
from tests.processes import Product, running_product

PAGES = {"plugins": "/plugins/", "search": "/plugins/?search=mail", "help": "/help/"}


class Visitor:
    """Somebody with a session, on one connection that stays open, as a browser has it."""

    def __init__(self, product: Product) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(product.url).netloc)
        self._cookies: dict[str, str] = {}
        self._sign_in("owner@specway.example", product.accounts["owner@specway.example"], product.url)

    def first_byte(self, path: str, **headers: str) -> float:
        """Seconds until the answer begins."""
        begun = time.perf_counter()
        answer = self._ask("GET", path, headers)
        took = time.perf_counter() - begun
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
        return took

    def _sign_in(self, email: str, password: str, origin: str) -> None:
        page = self._ask("GET", "/accounts/login/", {}).read().decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        if found is None:
            raise RuntimeError("The login page has no form.")
        form = urlencode({"login": email, "password": password, "csrfmiddlewaretoken": found[1]})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
        answer = self._ask("POST", "/accounts/login/", headers, form)
        answer.read()
        if answer.status != 302:
            raise RuntimeError(f"Signing in answered {answer.status}")

    def _ask(self, method: str, path: str, headers: dict[str, str], body: str = "") -> http.client.HTTPResponse:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        self._connection.request(method, path, body or None, {**headers, "Cookie": cookies})
        answer = self._connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, rest = line.partition("=")
            self._cookies[name] = rest.partition(";")[0]
        return answer


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--calls", type=int, default=100)
    wanted.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options = wanted.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="specway-bench-") as folder,
        running_product(
            Path(folder), forks=False, database=options.database, worker=False, beat=False, env={"LOG_LEVEL": "INFO"}
        ) as product,
    ):
        visitor = Visitor(product)
        medians = _medians(visitor, options.calls)
    for name, median in medians.items():
        say(f"{name:8} {median * 1000:7.1f} ms   {median / medians['help']:.2f} × help")


def _medians(visitor: Visitor, calls: int) -> dict[str, float]:
    """One page after the other in turns, so that whatever else the machine does meets all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    for number in range(calls + 5):
        for name, path in PAGES.items():
            took = visitor.first_byte(path, **({"HX-Request": "true"} if name == "search" else {}))
            if number >= 5:  # what is made once per process is made by then
                times[name].append(took)
    return {name: statistics.median(taken) for name, taken in times.items()}


if __name__ == "__main__":
    main()
