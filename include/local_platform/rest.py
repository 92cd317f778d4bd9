"""Airflow's REST API, as far as the platform needs it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from include.local_platform.home import PlatformError


class Airflow:
    """A client of one api-server. Raises PlatformError when Airflow refuses, or has gone away."""

    def __init__(self, ui: str, user: str, password: str) -> None:
        self.ui = ui
        self._login = {"username": user, "password": password}
        # trust_env: no proxy between us and 127.0.0.1.
        self._http = httpx.Client(base_url=ui, timeout=30, trust_env=False)

    def health(self) -> dict[str, Any] | None:
        """Status and heartbeat by component, or None while nothing answers."""
        try:
            answer = self._http.get("/api/v2/monitor/health", timeout=10)
            return dict(answer.json()) if answer.is_success else None
        except httpx.TransportError:
            return None

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """The DAG's details (`start_date`, `is_paused` …), or None while Airflow does not know it."""
        answer = self._request("GET", f"/api/v2/dags/{dag_id}/details", nothing_at=httpx.codes.NOT_FOUND)
        return answer or None

    def import_errors(self) -> list[dict[str, Any]]:
        """The DAG files that cannot be imported (`filename`, `stack_trace`)."""
        return list(self._request("GET", "/api/v2/importErrors")["import_errors"])

    def runs(self, dag_id: str, **filters: Any) -> list[dict[str, Any]]:
        """The DAG's runs, newest first, at most 100; filters as the API names them (`state=["queued"]`)."""
        query = {"order_by": "-id", "limit": 100, **filters}
        return list(self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=query)["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One run (`state`, `queued_at` …)."""
        return self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, at most 100."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        return list(self._request("GET", path, params={"limit": 100})["task_instances"])

    def trigger(self, dag_id: str, form: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start a manual run without a logical date, with what its form asks for."""
        body = {"logical_date": None, "conf": form or {}}
        return self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)

    def create_backfill(self, dag_id: str, from_date: str, to_date: str) -> dict[str, Any]:
        """Re-run every night between two instants (ISO 8601), one after the other."""
        body = {
            "dag_id": dag_id,
            "from_date": from_date,
            "to_date": to_date,
            "reprocess_behavior": "completed",
            "max_active_runs": 1,
        }
        return self._request("POST", "/api/v2/backfills", json=body)

    def cancel_backfill(self, backfill_id: int) -> bool:
        """Fail the runs of a backfill that are still queued, and close it. False if it was closed already."""
        path = f"/api/v2/backfills/{backfill_id}/cancel"
        return bool(self._request("PUT", path, nothing_at=httpx.codes.CONFLICT))

    def backfills(self, dag_id: str) -> list[dict[str, Any]]:
        """The DAG's backfills, newest first."""
        query = {"dag_id": dag_id, "order_by": "-id"}
        return list(self._request("GET", "/api/v2/backfills", params=query)["backfills"])

    def link(self, dag_id: str, run_id: str) -> str:
        """The run's page in the UI."""
        return f"{self.ui}/dags/{dag_id}/runs/{quote(run_id, safe='')}"

    def _request(
        self, method: str, path: str, *, nothing_at: httpx.codes | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """The answer's JSON, or nothing at the status that means so."""
        if "Authorization" not in self._http.headers:
            self._log_in()
        answer = self._send(method, path, **parameters)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # The token has expired.
            self._log_in()
            answer = self._send(method, path, **parameters)
        if answer.status_code == nothing_at:
            return {}
        if answer.is_error:
            raise PlatformError(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:500]}")
        return dict(answer.json())

    def _log_in(self) -> None:
        answer = self._send("POST", "/auth/token", json=self._login)
        if answer.is_error:
            raise PlatformError(f"Airflow refused the login of {self._login['username']}: {answer.status_code}")
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _send(self, method: str, path: str, **parameters: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **parameters)
        except httpx.TransportError as error:
            raise PlatformError(
                f"Airflow no longer answers at {self.ui} ({error}). What was begun goes on after: make up"
            ) from error
