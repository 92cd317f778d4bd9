"""A container's health check: `healthy.py api-server`, or another component, asks Airflow for that one's heartbeat."""

from __future__ import annotations

import json
import sys
import urllib.request

HEALTH = "http://api-server:8080/api/v2/monitor/health"


def healthy(component: str, health: dict[str, dict[str, str]]) -> bool:
    """Whether Airflow's health report says that the component is well; the api-server is if its database is."""
    part = "metadatabase" if component == "api-server" else component.replace("-", "_")
    return (health.get(part) or {}).get("status") == "healthy"


if __name__ == "__main__":
    # No proxy between our own services.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(HEALTH, timeout=8) as answer:
        report = json.load(answer)
    sys.exit(0 if healthy(sys.argv[1], report) else f"{sys.argv[1]} is not healthy: {report}")
