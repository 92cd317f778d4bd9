"""A container's health check: `healthy.py api-server`, or another component, asks Airflow for that one's heartbeat.

`healthy.py worker` asks the worker itself, through Redis, as Airflow knows nothing of workers.
"""

from __future__ import annotations

import json
import socket
import sys
import urllib.request

HEALTH = "http://api-server:8080/api/v2/monitor/health"


def healthy(component: str, health: dict[str, dict[str, str]]) -> bool:
    """Whether Airflow's health report says that the component is well; the api-server is if its database is."""
    part = "metadatabase" if component == "api-server" else component.replace("-", "_")
    return (health.get(part) or {}).get("status") == "healthy"


def answers(broker: str, worker: str) -> bool:
    """Whether the worker of this name answers to a ping sent through the broker at this address."""
    from celery import Celery

    with Celery(broker=broker, set_as_current=False) as app:
        return bool(app.control.inspect(destination=[worker], timeout=8).ping())


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        import entry

        name = f"celery@{socket.gethostname()}"
        sys.exit(0 if answers(entry.environment()["AIRFLOW__CELERY__BROKER_URL"], name) else f"{name} does not answer")
    # No proxy between our own services.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(HEALTH, timeout=8) as answer:
        report = json.load(answer)
    sys.exit(0 if healthy(sys.argv[1], report) else f"{sys.argv[1]} is not healthy: {report}")
