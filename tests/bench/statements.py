"""How many statements a call takes, with BEGIN and COMMIT: by libpq's own trace of what it sends to PostgreSQL."""

from tests.e2e.inside import Inside

# The call by the product's WSGI application, with the pool of the web server. It is made until nothing is new about it.
_CODE = """
import io, sys, tempfile
from psycopg import pq
import apps.egress
from apps.gateway.services import repeated_call
from config.pooled_postgresql.base import PooledConnection
from config.wsgi import application

stream = sys.modules["apps.egress.stream"]

def call():
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "RAW_URI": path, "QUERY_STRING": "", "CONTENT_LENGTH": "0",
        "SERVER_NAME": host, "SERVER_PORT": "80", "HTTP_HOST": host, "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_AUTHORIZATION": f"Bearer {key}", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }
    statuses = []
    response = application(environ, lambda status, *_: statuses.append(status))
    b"".join(response)
    response.close()
    assert statuses[0].startswith("200"), statuses

def sent(until_service):
    traced = []
    def traced_connection(self, works=PooledConnection.works):
        works(self)
        if not traced:
            traced.append(self.pgconn)
            self.pgconn.trace(log.fileno())
            self.pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        return True
    def untrace():
        while traced and traced[-1]:
            traced[-1].untrace()
            traced.append(None)
    def before_request(usual=stream._before_requests):
        if until_service:
            untrace()
        usual()
    originals = PooledConnection.works, stream._before_requests
    with tempfile.TemporaryFile() as log:
        PooledConnection.works, stream._before_requests = traced_connection, before_request
        try:
            call()
        finally:
            PooledConnection.works, stream._before_requests = originals
            untrace()
        log.seek(0)
        lines = log.read().decode(errors="replace").splitlines()
    return sum(line.startswith("F\\t") and line.split("\\t")[2] in ("Query", "Sync") for line in lines)

repeated_call.is_available = (lambda: False) if ordinary else type(repeated_call._statement).is_available
for _ in range(10):
    call()
before, whole = sent(True), sent(False)
answer = [before, whole - before]
"""


def statements(look: Inside, method: str, path: str, key: str, *, ordinary: bool = False) -> list[int]:
    """Those before a request to a service, or all where there is none, and those after it.

    `ordinary`: as for a call that was not made before.
    """
    names = {"method": method, "path": path, "key": key, "ordinary": ordinary, "host": "127.0.0.1"}
    return list(look.run(_CODE, **names))
