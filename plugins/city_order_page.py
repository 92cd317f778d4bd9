"""The page "City Order" in Airflow's navigation: receipts by verdict, both line sums, the published orders.

It shows what `make nightly` prints at its end, read under the analyst's role, to whoever may see Airflow's pages.
"""

from __future__ import annotations

import html

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>City Order</title><style>
:root {{ color-scheme: light dark }}
body {{ font-family: system-ui, sans-serif; margin: 1.5rem }}
pre {{ font-size: .85rem; line-height: 1.4; overflow-x: auto }}
</style></head><body>
<h1>City Order</h1>
<p>What came in, and what was made of it. The wording is explained in docs/glossary.md.</p>
{questions}<pre>{summary}</pre>
</body></html>
"""

_QUESTIONS = (
    "<p><strong>Waiting for a person:</strong> {releases}. "
    '<a href="/required_actions?response_received=false" target="_top">Decide under Required Actions</a>.</p>\n'
)

app = FastAPI(title="City Order", dependencies=[Depends(requires_access_view(AccessView.WEBSITE))])


@app.get("/", response_class=HTMLResponse)
def page() -> str:
    """The summary of the warehouse as it is now. Names in it come from drops, so everything is escaped."""
    from include.city_order import gate, orchestration, summary

    analyst = orchestration.dsn("analyst")
    waiting = [f"release {found['release_id']} of {found['survey_code']}" for found in gate.waiting(analyst)]
    questions = _QUESTIONS.format(releases=html.escape(", ".join(waiting))) if waiting else ""
    return _PAGE.format(questions=questions, summary=html.escape(summary.render(analyst)))


class CityOrderPlugin(AirflowPlugin):
    """Registers the page."""

    name = "city_order"
    fastapi_apps = [{"app": app, "url_prefix": "/city-order", "name": "City Order"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {"name": "City Order", "href": "/city-order/", "destination": "nav", "url_route": "city-order"}
    ]
