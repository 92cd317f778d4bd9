"""The REST client, against a small server that answers like Airflow's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from include.local_platform.home import PlatformError
from include.local_platform.rest import Airflow

#: Backfill 1 is active, 2 is closed; others are unknown.
ANSWERS = {
    "/auth/token": (201, b'{"access_token": "t"}'),
    "/api/v2/backfills/1/cancel": (200, b'{"id": 1, "completed_at": "2026-11-23T08:00:00Z"}'),
    "/api/v2/backfills/2/cancel": (409, b'{"detail": "Backfill is already completed."}'),
}


class _Answers(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = ANSWERS.get(self.path, (404, b'{"detail": "Backfill not found"}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Airflow(f"http://127.0.0.1:{server.server_port}", "admin", "secret")
        server.shutdown()


def test_a_backfill_that_is_closed_already_needs_no_cancelling(airflow: Airflow) -> None:
    assert airflow.cancel_backfill(1)
    assert not airflow.cancel_backfill(2)


def test_any_other_refusal_is_an_error(airflow: Airflow) -> None:
    with pytest.raises(PlatformError, match="refused PUT /api/v2/backfills/3/cancel: 404"):
        airflow.cancel_backfill(3)
