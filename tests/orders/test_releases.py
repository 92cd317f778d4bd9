"""A survey's way from standing submissions to its published release, run once, twice, late and at the same time."""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
import pytest

from include.city_order import orders, releases, warehouse

from .conftest import SURVEY, rows_of

pytestmark = pytest.mark.warehouse

CHIP = {"product": "chip", "demand_2026": 10, "unit_price_rub": "1.25"}
_TEN = {"demand_2026": 10}


def _ask(desk: Any) -> list[str]:
    return orders.surveys_to_build(desk.dsns.builder)


def _published(desk: Any) -> int | None:
    found = desk.execute("select release_id from city_order.published_release where survey_code = %s", SURVEY)
    return found[0][0] if found else None


def _statuses(desk: Any) -> list[str]:
    return [status for (status,) in desk.execute("select status from city_order.release order by release_id")]


def _audited(desk: Any) -> int:
    release_id = desk.build()
    orders.audit(desk.dsns.builder, release_id)
    return release_id


# What is to be built


def test_every_role_is_told_the_same_surveys_and_one_without_answers_is_not_among_them(desk: Any) -> None:
    empty = desk.survey("battery-2026", programme="battery")
    assert _ask(desk) == []
    desk.submit("depot", [CHIP])
    for role in ("ingest", "builder", "analyst"):
        assert orders.surveys_to_build(getattr(desk.dsns, role)) == [SURVEY]
    assert desk.build(empty) is None
    with pytest.raises(LookupError, match=r"'ecb-1999'.*knows: battery-2026, ecb-2026"):
        desk.build("ecb-1999")


def test_a_published_survey_is_built_again_only_when_its_input_changes(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    desk.publish()
    assert _ask(desk) == []
    assert desk.build() is None
    desk.submit("park", [CHIP])
    assert _ask(desk) == [SURVEY]


def test_what_judges_a_survey_is_part_of_its_input(desk: Any, subtests: Any) -> None:
    desk.submit("depot", [CHIP])
    desk.connection.autocommit = False
    before = releases.fingerprint(desk.cursor, SURVEY)
    for change in (
        "update reference.survey set rules_version = 'rules-2'",
        "update reference.survey set reference_version = 'reference-2'",
        "update reference.survey_year set certainty = 'funded' where year = 2026",
        "delete from reference.survey_year where year = 2030",
        "update core.submission set rules_version = 'rules-2'",
        "update core.submission set reference_version = 'reference-2'",
        "update core.submission set content_sha256 = 'other'",
        "update core.submission set withdrawn_at = now()",
    ):
        with subtests.test(change):
            # A submission's versions are those of its judgement.
            desk.execute(
                "alter table core.submission drop constraint submission_receipt_no_rules_version_reference_version_fkey"
            )
            desk.execute(change)
            assert releases.fingerprint(desk.cursor, SURVEY) != before
        desk.connection.rollback()
    assert releases.fingerprint(desk.cursor, SURVEY) == before


def test_a_changed_model_is_new_input(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.submit("depot", [CHIP])
    desk.publish()
    monkeypatch.setattr(releases, "sql_version", lambda: "another")
    assert _ask(desk) == [SURVEY]


def test_a_survey_whose_answers_are_all_withdrawn_gets_an_empty_order(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    desk.publish()
    desk.withdraw("depot")
    assert desk.rows("order_line", desk.publish()) == []
    assert _ask(desk) == []


# Equal figures make no new release


def test_new_input_without_a_new_figure_keeps_the_release_and_is_remembered(desk: Any) -> None:
    desk.submit("depot", [{**CHIP, "stock": "2.0"}])
    release_id = desk.publish()
    desk.submit("depot", [{**CHIP, "demand_2026": "10.00", "stock": "2"}])
    desk.submit("school")
    assert _ask(desk) == [SURVEY]
    assert desk.build() is None
    assert _ask(desk) == []
    assert _published(desk) == release_id
    assert _statuses(desk) == ["published"]


def test_each_changed_figure_makes_a_new_release(desk: Any) -> None:
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"demand_2026": 11},
        {"demand_2026": None, "demand_2027": 10},
        {"unit_price_rub": "1.26"},
        {"unit_price_rub": None},
        {"stock": 1},
        {"contracted": 11},
        {"outside_horizon": "2031:1"},
        {"unit": "839", "pieces_per_unit": None},
    )
    digests = set()
    for change in changes:
        desk.submit("depot", [{**CHIP, **change}])
        digests.add(desk.figures(desk.publish()))
    assert len(digests) == len(changes)
    assert _statuses(desk) == ["superseded"] * (len(changes) - 1) + ["published"]


def test_what_changed_is_named_even_if_it_left_the_order(desk: Any) -> None:
    """As the release says; a product that it has no more, as the one before said."""
    desk.product("old", matching_key="A1", manufacturer_key="M")
    stated = {"part_number": "A-1", "manufacturer": "M", "stated_manufacturer_key": "M"}
    desk.submit("depot", [{"product": "old", "item_name": "Old chip", **stated, **_TEN}])
    desk.submit("park", [{"product": "kept", "item_name": "Before", **_TEN}])
    desk.publish()
    desk.withdraw("depot")
    desk.submit("park", [{"product": "kept", "item_name": "After", "demand_2026": 11}])
    release_id = desk.publish()
    assert desk.rows("product", release_id)[0]["product_name"] == "After", "the withdrawn one is in it no more"
    named = desk.rows("release_change_named", release_id)
    columns = ("product_name", "part_number", "manufacturer", "cause", "gross_after")
    assert sorted(tuple(row[name] for name in columns) for row in named) == [
        ("After", None, None, "correction", 11),
        ("Old chip", "A-1", "M", "withdrawal", 0),
    ]


def test_any_order_of_arrival_gives_the_same_figures(desk: Any) -> None:
    answers = {
        agency: [
            {
                "product": product,
                "demand_2026": number,
                "demand_2028": 2 * number,
                "unit_price_rub": "0.335",
                "stock": 3,
            }
            for number, product in enumerate(("chip", "relay", "pump"), start=start)
        ]
        for start, agency in enumerate(("depot", "park", "clinic", "school"), start=1)
    }
    digests, names = set(), []
    for seed in range(3):
        survey = desk.survey(f"ecb-{3000 + seed}")
        agencies = random.Random(seed).sample(sorted(answers), len(answers))
        for agency in agencies:
            desk.submit(agency, [], survey_code=survey)
        for agency in reversed(agencies):
            desk.submit(agency, answers[agency], survey_code=survey)
        release_id = desk.build(survey)
        digests.add(desk.figures(release_id))
        names.append(sorted((row["product_id"], row["product_name"]) for row in desk.rows("product", release_id)))
    assert len(digests) == 1
    assert names[0] == names[1] == names[2] != []


# Twice, interrupted, overtaken


def test_a_build_that_is_run_again_takes_up_its_draft(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    release_id = desk.build()
    assert desk.build() == release_id
    orders.audit(desk.dsns.builder, release_id)
    assert desk.build() == release_id
    assert _statuses(desk) == ["audited"]


def test_a_draft_of_other_code_is_not_taken_up(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.submit("depot", [CHIP])
    release_id = desk.build()
    monkeypatch.setattr(releases, "code_version", lambda: "mended")
    assert desk.build() != release_id


def test_two_builds_at_the_same_time_make_one_draft(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(lambda _: desk.build(), range(2)))
    assert built[0] == built[1]
    assert _statuses(desk) == ["draft"]


def test_a_build_that_waits_sees_what_the_other_has_done(desk: Any) -> None:
    """The snapshot is taken after the lock: otherwise the waiting build would repeat the work."""
    desk.submit("depot", [CHIP])
    with ThreadPoolExecutor(1) as pool, warehouse.transaction(desk.dsns.builder) as holder:
        warehouse.lock(holder, f"build {SURVEY}")
        waiting = pool.submit(desk.build)
        waits = (
            "select 1 from pg_locks inner join pg_database on pg_database.oid = pg_locks.database"
            " where datname = current_database() and locktype = 'advisory' and not granted"
        )
        while not desk.execute(waits):
            assert not waiting.done(), "the build did not wait for its lock"
        desk.submit("depot", [{**CHIP, "demand_2026": 99}])
        holder.connection.commit()
        release_id = waiting.result()
    assert [row["gross_quantity"] for row in desk.rows("order_line", release_id)] == [99]


def test_publishing_twice_is_publishing_once(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    release_id = desk.publish()
    ((published_at,),) = desk.execute("select published_at from city_order.release")
    assert "was published before" in orders.publish(desk.dsns.builder, release_id)
    desk.submit("park", [CHIP])
    later = desk.publish()
    assert "superseded now" in orders.publish(desk.dsns.builder, release_id)
    assert _published(desk) == later
    assert desk.execute("select published_at from city_order.release where release_id = %s", release_id) == [
        (published_at,)
    ]


def test_a_draft_is_not_published(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    release_id = desk.build()
    with pytest.raises(ValueError, match="audit it"):
        orders.publish(desk.dsns.builder, release_id)
    assert _published(desk) is None


@pytest.mark.parametrize("has_base", [False, True], ids=["first release", "later release"])
def test_the_slower_of_two_builds_is_overtaken(desk: Any, has_base: bool) -> None:
    if has_base:
        desk.submit("school", [CHIP])
        desk.publish()
    desk.submit("depot", [CHIP])
    slower = _audited(desk)
    desk.submit("park", [CHIP])
    faster = desk.publish()
    with pytest.raises(orders.Overtaken, match=f"release {faster} is published by now"):
        orders.publish(desk.dsns.builder, slower)
    assert _published(desk) == faster
    assert _ask(desk) == []


def test_an_overtaken_release_with_newer_input_heals_the_next_night(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    older = _audited(desk)
    desk.submit("park", [CHIP])
    newer = _audited(desk)
    orders.publish(desk.dsns.builder, older)
    with pytest.raises(orders.Overtaken):
        orders.publish(desk.dsns.builder, newer)
    assert _ask(desk) == [SURVEY]
    healed = desk.publish()
    assert desk.figures(healed) == desk.figures(newer)
    assert _ask(desk) == []


def test_of_two_publications_at_the_same_time_one_wins(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    audited = [_audited(desk)]
    desk.submit("park", [CHIP])
    audited.append(_audited(desk))

    def publish(release_id: int) -> str:
        try:
            return orders.publish(desk.dsns.builder, release_id)
        except orders.Overtaken as overtaken:
            return f"overtaken: {overtaken}"

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(publish, audited))
    assert sorted(sentence.startswith("overtaken") for sentence in said) == [False, True]
    assert sorted(_statuses(desk)) == ["audited", "published"]


# A published release never changes


def test_a_release_can_be_rebuilt_from_its_recorded_inputs(desk: Any) -> None:
    desk.submit("depot", [{**CHIP, "stock": 3, "outside_horizon": "2031:4"}])
    desk.submit("park", [{"product": "kit", "unit": "839", "demand_2026": 2, "contracted": 5}])
    release_id = desk.publish()
    desk.submit("depot", [{**CHIP, "demand_2026": 500}])
    desk.withdraw("park")
    desk.publish()
    before = desk.execute("select count(*) from city_order.order_line_version")
    with orders.rebuilt(desk.dsns.builder, release_id) as (cursor, again):
        assert releases.figures_digest(cursor, again) == desk.figures(release_id)
    assert desk.execute("select count(*) from city_order.order_line_version") == before
    recorded = desk.execute("select figures_sha256 from city_order.release where release_id = %s", release_id)
    assert recorded == [(desk.figures(release_id),)] == [(orders.rebuild(desk.dsns.builder, release_id),)]


def test_a_rebuild_sees_the_references_as_they_were(desk: Any) -> None:
    desk.execute("insert into reference.loaded_version (files_sha256, load_no) values ('a', 7)")
    desk.family("office", "depot")
    source = {"source": "test", "source_date": "2026-01-01"}
    desk.insert("reference.manufacturer", manufacturer_code="milandr", name="Миландр", country="Россия", **source)
    desk.insert("reference.part", matching_key="K1986", manufacturer_code="milandr", part_number="К1986ВЕ1QI", **source)
    desk.product("chip", matching_key="K1986", manufacturer_code="milandr")
    for agency in ("office", "depot"):
        desk.submit(agency, [{"product": "chip", "demand_2026": 5}])
    first = desk.publish()
    shown = [desk.rows(name, first) for name in ("product", "double_counting", "order_line")]
    assert shown[0][0]["manufacturer"] == "Миландр" and shown[1]

    desk.execute("update reference.loaded_version set load_no = 8")
    desk.execute("update reference.manufacturer set name = 'АО ПКК Миландр'")
    desk.execute("delete from reference.part")
    desk.execute("update reference.agency_version set parent_code = null")
    desk.execute("update reference.survey set reference_version = 'reference-2', reference_as_of_date = '2019-01-01'")
    assert orders.rebuild(desk.dsns.builder, first) == desk.figures(first)
    with orders.rebuilt(desk.dsns.builder, first) as (cursor, draft_id):
        (product,) = rows_of(cursor, "product", draft_id)
    assert {**product, "release_id": first} == shown[0][0]

    second = desk.publish()
    (product,) = desk.rows("product", second)
    assert (product["manufacturer"], product["part_number"]) == ("АО ПКК Миландр", None)
    assert desk.rows("double_counting", second) == []
    for release_id in (first, second):
        assert orders.rebuild(desk.dsns.builder, release_id) == desk.figures(release_id)


def test_how_firm_a_year_was_stays_as_it_was(desk: Any) -> None:
    desk.submit("depot", [CHIP])
    first = desk.publish()
    desk.execute("update reference.survey set title = 'Другое название'")
    assert desk.build() is None
    desk.execute("update reference.survey_year set certainty = 'funded' where year = 2027")
    assert orders.rebuild(desk.dsns.builder, first) == desk.figures(first)
    # Readers see the year otherwise: a new release, though no quantity changes.
    second = desk.publish()
    assert desk.rows("release_change", second) == []
    firm = "select certainty from city_order.release_year where release_id = %s and year = 2027"
    assert desk.execute(firm, first) == [("planned",)]
    assert desk.execute(firm, second) == [("funded",)]
    titles = desk.execute("select survey_title from city_order.release order by release_id")
    assert titles == [("Опрос",), ("Другое название",)]
    third = orders.roll_back(desk.dsns.builder, SURVEY, first, "Иванова", "a slip in the YAML")
    assert desk.execute(firm, third) == [("planned",)]
    assert desk.figures(third) == desk.figures(first)


def test_what_other_models_digested_is_digested_anew(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other code may digest the same figures in another way: they are still the same, and can be rolled back to."""
    desk.submit("depot", [CHIP])
    first = desk.publish()
    desk.submit("depot", [{**CHIP, "demand_2026": 3}])
    desk.publish()
    monkeypatch.setattr(releases, "sql_version", lambda: "another")
    digest = releases.figures_digest
    monkeypatch.setattr(releases, "figures_digest", lambda *of: digest(*of)[::-1])
    assert desk.build() is None
    assert orders.reconcile(desk.dsns.builder, SURVEY) == {}
    third = orders.roll_back(desk.dsns.builder, SURVEY, first, "Иванова", "wrong prices")
    assert desk.rows("order_line", third)[0]["gross_quantity"] == desk.rows("order_line", first)[0]["gross_quantity"]


def _history(desk: Any) -> None:
    """Four releases, each of which has set a row in every table: two superseded, one published, one audited."""
    desk.family("ministry", "depot")
    desk.submit("park", [{"product": "pump", "demand_2026": 1}])
    for demand in (1, 2, 3, 4):
        lines = [
            {**CHIP, "demand_2026": demand, "outside_horizon": "2031:4"},
            {"product": "relay", "stock": demand},
            {"product": "lamp", "demand_2026": demand},
        ]
        desk.submit("depot", lines)
        desk.submit("ministry", [{"product": "lamp", "demand_2026": demand}])
        _audited(desk) if demand == 4 else desk.publish()
    assert _statuses(desk) == ["superseded", "superseded", "published", "audited"]


def test_the_rows_of_a_built_release_are_fixed(desk: Any, subtests: Any) -> None:
    _history(desk)
    tables = [releases.table_of(model) for model in releases.MODELS if model != "city_order.submission_total"]
    desk.connection.autocommit = False
    for number, table in itertools.product((2, 3, 4), tables):
        for statement in (
            f"delete from {table} where release_id = %s",
            f"update {table} set release_id = release_id where release_id = %s",
            f"insert into {table} select * from {table} where release_id = %s",
        ):
            with (
                subtests.test(f"{statement} {number}"),
                pytest.raises(psycopg2.errors.RaiseException, match="what is built never changes"),
            ):
                # Otherwise the key would refuse a repeated row before the law does.
                ((key,),) = desk.execute(
                    "select conname from pg_constraint where contype in ('p', 'u') and conrelid = %s::regclass", table
                )
                desk.execute(f"alter table {table} drop constraint {key} cascade")
                desk.execute(statement, number)
            desk.connection.rollback()


def test_a_row_ends_once_and_only_by_the_release_that_sets_it_anew(desk: Any, subtests: Any) -> None:
    _history(desk)
    for model in sorted(releases.VERSIONED):
        table = releases.table_of(model)
        ended = desk.execute(f"select release_id, until_release_id from {table} where until_release_id is not null")
        assert set(ended) == {(1, 2), (2, 3)}
        for statement in (
            f"update {table} set until_release_id = null where release_id = 1 and until_release_id = 2",
            f"update {table} set until_release_id = 3 where release_id = 1 and until_release_id = 2",
            # Of the published release; by the one that is audited, and by the one that set it.
            f"update {table} set until_release_id = 4 where release_id = 3",
            f"update {table} set until_release_id = 3 where release_id = 3",
            # What park asks for, nobody has touched.
            f"update {table} set until_release_id = 3 where release_id = 1 and until_release_id is null",
        ):
            for dsn in (desk.dsns.owner, desk.dsns.builder):
                with subtests.test(statement), warehouse.transaction(dsn) as cursor:
                    try:
                        cursor.execute(statement)
                    except psycopg2.errors.RaiseException as refused:
                        assert "what is built never changes" in str(refused)
                        cursor.connection.rollback()
                    else:
                        assert cursor.rowcount == 0
                        assert "is null" in statement
                        assert model not in ("city_order.release_input", "city_order.order_line", "city_order.product")


def test_a_release_is_born_as_a_draft_and_only_a_published_one_is_shown(desk: Any) -> None:
    desk.submit("park", [CHIP])
    for release_id in (desk.build(), _audited(desk)):
        with pytest.raises(psycopg2.errors.RaiseException, match="is not published"):
            desk.execute("insert into city_order.published_release values (%s, %s, '')", SURVEY, release_id)
    desk.publish()
    desk.submit("depot", [CHIP])
    later = _audited(desk)
    with pytest.raises(psycopg2.errors.RaiseException, match="is not published"):
        desk.execute("update city_order.published_release set release_id = %s", later)
    for status in ("audited", "published", "superseded"):
        with pytest.raises(psycopg2.errors.RaiseException, match="is born as a draft"):
            desk.execute(
                "insert into city_order.release (survey_code, status, input_fingerprint, code_version, rules_version,"
                " reference_version, sql_version) values (%s, %s, '', '', '', '', '')",
                *(SURVEY, status),
            )


def test_a_published_release_goes_no_step_back(desk: Any, subtests: Any) -> None:
    desk.submit("park", [CHIP])
    desk.publish()
    for change in ("figures_sha256 = 'x'", "status = 'draft'", "status = 'audited'"):
        with subtests.test(change), pytest.raises(psycopg2.errors.RaiseException):
            desk.execute(f"update city_order.release set {change}")


def test_the_builder_may_not_even_change_a_draft(desk: Any) -> None:
    desk.submit("park", [CHIP])
    release_id = desk.build()
    with (
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
        warehouse.transaction(desk.dsns.builder) as cursor,
    ):
        cursor.execute("delete from city_order.order_line_version where release_id = %s", (release_id,))


# What is recorded


def test_a_release_records_what_made_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "code_version", lambda: "1.2.3+abc")
    desk.submit("depot", [CHIP])
    release_id = desk.publish()
    assert desk.execute(
        "select survey_code, status, replaces_release_id, input_fingerprint, figures_sha256, code_version,"
        " rules_version, reference_version, sql_version from city_order.release"
    ) == [
        (
            SURVEY,
            "published",
            None,
            releases.fingerprint(desk.cursor, SURVEY),
            desk.figures(release_id),
            "1.2.3+abc",
            "rules-1",
            "reference-1",
            releases.sql_version(),
        )
    ]


def test_the_code_version_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    releases.code_version.cache_clear()
    monkeypatch.setenv("CITY_ORDER_CODE_VERSION", "2026.11")
    assert releases.code_version() == "2026.11"
    releases.code_version.cache_clear()
    monkeypatch.delenv("CITY_ORDER_CODE_VERSION")
    assert releases.code_version().startswith("0.")
    releases.code_version.cache_clear()
