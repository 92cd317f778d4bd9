"""The generated pages are what they are made from, and links in the docs lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg2
import pytest

from include.city_order import documentation

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_rules_page_is_not_stale():
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page == documentation.rules_page(), "docs/rules.md is stale: make docs"


@pytest.mark.warehouse
def test_the_data_dictionary_is_not_stale(warehouse):
    page = (ROOT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert page == documentation.data_dictionary_page(warehouse.analyst), "docs/data-dictionary.md is stale: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path):
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_decision_is_listed():
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    pages = [path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")]
    assert pages
    assert [name for name in pages if name not in listed] == []


@pytest.mark.warehouse
def test_every_query_of_the_runbook_runs_as_the_analyst(warehouse):
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    queries = [query.replace("= …", "= 1") for query in re.findall(r"`(select [^`]*)`", runbook)]
    assert len(queries) >= 6
    connection = psycopg2.connect(warehouse.analyst)
    try:
        with connection, connection.cursor() as cursor:
            for query in queries:
                cursor.execute(query)
    finally:
        connection.close()
