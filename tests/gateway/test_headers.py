"""Response headers that no test server can send twice."""

from apps.gateway.proxy.headers import response_headers


def test_the_first_of_two_content_types_decides_and_is_the_only_one() -> None:
    given = [("Content-Type", "text/html"), ("Content-Type", "application/json"), ("X-A", "1"), ("x-a", "2")]
    returned = response_headers(given, to_browser=False)
    assert [value for name, value in returned if name.lower() == "content-type"] == ["text/html"]
    assert ("Content-Disposition", "attachment") in returned
    assert ("X-A", "1, 2") in returned
