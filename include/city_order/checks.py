"""Checking a batch, or a release, with Great Expectations: the only module that imports it, and only when called.

GX is the judge: one checkpoint for each stage of a batch says which rules are broken. For those, the lines are
listed by the same condition: GX's own metric providers give it as SQL, and one scan of the relation writes every
(line, rule). So a rule means the same to both, and a night without violations costs no listing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any, Literal

import sqlalchemy
from psycopg2 import sql

from include.city_order import comparisons, releases, warehouse
from include.city_order.suites import ACROSS, RELEASE, STAGES, Rule, Suite

log = logging.getLogger(__name__)


def check(dsn: str, batch_id: int, suites: list[Suite]) -> int:
    """Check a batch against its suites, stage by stage; write what is broken to `staging.violation`.

    The relations show the batch that the session names in `city_order.batch`, and leave out what an earlier stage has
    refused. Returns the number of violations.
    """
    gx = _great_expectations()
    context = _context(gx)
    source = _source(context, dsn, "city_order.batch", batch_id)
    found = 0
    for stage in STAGES:
        of_stage = [suite for suite in suites if suite.stage == stage]
        if not of_stage:
            continue
        if stage == ACROSS:
            comparisons.gather(dsn, batch_id)
        for suite, broken, batch in _broken(gx, context, source, stage, of_stage):
            lines = _list_violations(dsn, batch_id, suite, broken, batch) if broken else 0
            log.info("%s: %d of %d rules broken, %d times", suite.name, len(broken), len(suite.rules), lines)
            found += lines
        with warehouse.transaction(dsn) as cursor:
            cursor.execute(warehouse.statement("intake/waive"), {"batch_id": batch_id})
    return found


def check_release(dsn: str, release_id: int, suites: list[Suite]) -> dict[str, str]:
    """Hold a release against its suites, at a cost that follows what it changes.

    The relations show what the release sets anew, and its totals; of the release that the session names in
    `city_order.release`. For each broken rule: its sentence and the first of the rows that break it.
    """
    gx = _great_expectations()
    context = _context(gx)
    source = _source(context, dsn, "city_order.release", release_id)
    told: dict[str, str] = {}
    for suite, broken, batch in _broken(gx, context, source, RELEASE, suites):
        log.info("%s: %d of %d rules broken", suite.name, len(broken), len(suite.rules))
        for rule, condition in zip(broken, _unexpected_conditions(broken, batch), strict=True):
            told[rule.rule_id] = releases.complaint(
                f"{rule.rule_id}: {rule.sentence}",
                _offending(dsn, release_id, suite, condition),
                f"include/expectations/{suite.name}.json",
            )
    return told


def _offending(dsn: str, release_id: int, suite: Suite, condition: str) -> list[dict[str, Any]]:
    """The first rows of a release for which a condition is true."""
    relation = sql.Identifier(*suite.checks.split("."))
    query = sql.SQL("select * from {} where {} limit {}").format(
        relation, sql.SQL(condition), sql.Literal(releases.ROWS_SHOWN + 1)
    )
    with warehouse.transaction(dsn) as cursor:
        cursor.execute("select set_config('city_order.release', %s, true)", (str(release_id),))
        cursor.execute(query)
        return warehouse.rows(cursor)


def _context(gx: ModuleType) -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _broken(
    gx: ModuleType, context: Any, source: Any, stage: str, suites: list[Suite]
) -> Iterator[tuple[Suite, list[Rule], Any]]:
    """What GX finds broken of the suites of a stage, in one checkpoint: suite, rules, and the batch that it saw."""
    validations = [_validation(gx, context, source, suite) for suite in suites]
    checkpoint = gx.Checkpoint(name=stage, validation_definitions=validations, result_format="BOOLEAN_ONLY")
    results = context.checkpoints.add(checkpoint).run().run_results.values()
    for suite, validation, result in zip(suites, validations, results, strict=True):
        broken = [suite.rules[_position(outcome)] for outcome in result.results if not _passed(outcome, suite)]
        yield suite, broken, validation.data.get_batch()


def _source(context: Any, dsn: str, setting: str, number: int) -> Any:
    """The warehouse, as GX connects to it: each of its sessions names what it is about.

    Within a rehearsal, that is the rehearsal's own connection.
    """
    url = sqlalchemy.make_url(dsn).set(drivername="postgresql+psycopg2")
    url = url.update_query_dict({"options": f"-c {setting}={number:d}"})
    engine: dict[str, Any] = {}
    if connection := warehouse.rehearsed_connection(dsn):
        with connection.cursor() as cursor:
            cursor.execute("select set_config(%s, %s, true)", (setting, str(number)))
        # Whatever GX does to it at the end of a query does nothing.
        engine = {"kwargs": {"creator": lambda: connection, "poolclass": sqlalchemy.NullPool}}
    return context.data_sources.add_postgres(
        "warehouse", connection_string=url.render_as_string(hide_password=False), create_temp_table=False, **engine
    )


def _validation(gx: ModuleType, context: Any, source: Any, suite: Suite) -> Any:
    """What GX needs to check one suite against its relation."""
    schema, relation = suite.checks.split(".")
    asset = source.add_table_asset(suite.name, table_name=relation, schema_name=schema)
    expectations = [_expectation(rule, position) for position, rule in enumerate(suite.rules)]
    return context.validation_definitions.add(
        gx.ValidationDefinition(
            name=suite.name,
            data=asset.add_batch_definition_whole_table("batch"),
            suite=context.suites.add(gx.ExpectationSuite(name=suite.name, expectations=expectations)),
        )
    )


def _expectation(rule: Rule, position: int) -> dict[str, Any]:
    return {
        "type": rule.expectation["type"],
        "kwargs": rule.expectation["kwargs"],
        "severity": rule.expectation["severity"],
        "meta": {"position": position},
    }


def _position(outcome: Any) -> int:
    return int(outcome.expectation_config.meta["position"])


def _passed(outcome: Any, suite: Suite) -> bool:
    """Whether GX found the rule kept. A rule that could not be evaluated is our fault, and never a pass."""
    raised = outcome.exception_info or {}
    details = raised if "raised_exception" in raised else next(iter(raised.values()), {})
    if details.get("raised_exception"):
        rule = suite.rules[_position(outcome)]
        raise RuntimeError(
            f"rule {rule.rule_id} of {suite.name}.json cannot be evaluated: {details.get('exception_message')}"
        )
    return bool(outcome.success)


def _list_violations(dsn: str, batch_id: int, suite: Suite, broken: list[Rule], batch: Any) -> int:
    """One scan of the relation: a row for each line and each of the broken rules that it breaks."""
    relation = sql.SQL("{}.{}").format(*map(sql.Identifier, suite.checks.split(".")))
    tests, values = [], []
    for number, (rule, condition) in enumerate(zip(broken, _unexpected_conditions(broken, batch), strict=True)):
        of_row = rule.field == "*"
        field = sql.SQL("checked.field" if of_row else "%s")
        tests.append(sql.SQL("(({}), {}, %s, %s, {}, %s, %s)").format(sql.SQL(condition), sql.Literal(number), field))
        values += [
            rule.rule_id, rule.severity.value, *([] if of_row else [rule.field]), rule.sentence, rule.may_be_waived,
        ]  # fmt: skip
    told = {
        "receipt_no": sql.SQL("checked.receipt_no"),
        "line_position": sql.SQL("checked.line_position" if suite.of_lines else "null::integer"),
        **{name: sql.Identifier("test", name) for name in ("rule_id", "severity", "field", "message", "may_be_waived")},
        "expected": _expected(broken),
        **(
            {name: sql.Identifier("checked", name) for name in ("member", "sheet", "cell", "value")}
            if suite.says_places
            else {}
        ),
    }
    insert = sql.SQL(
        "insert into staging.violation (batch_id, {columns})\n"
        "select %s, {told}\n"
        "from {relation} as checked\n"
        "cross join lateral (values {tests})"
        " as test (is_broken, number, rule_id, severity, field, message, may_be_waived)\n"
        "where test.is_broken"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, told)),
        told=sql.SQL(", ").join(told.values()),
        relation=relation,
        tests=sql.SQL(",\n").join(tests),
    )
    with warehouse.transaction(dsn) as cursor:
        cursor.execute("select set_config('city_order.batch', %s, true)", (str(batch_id),))
        cursor.execute(insert, (batch_id, *values))
        return cursor.rowcount


def _expected(rules: list[Rule]) -> sql.Composable:
    """What we would expect where a rule is broken: its column, as a person would type it."""
    as_typed = sql.SQL(
        "case jsonb_typeof(to_jsonb({column}))"
        " when 'number' then replace(trim_scale({column}::text::numeric)::text, '.', ',') else {column}::text end"
    )
    told = [
        sql.SQL("when {} then {}").format(
            sql.Literal(number), as_typed.format(column=sql.Identifier("checked", rule.expected))
        )
        for number, rule in enumerate(rules)
        if rule.expected
    ]
    return sql.SQL("coalesce(case test.number {} end, '')").format(sql.SQL(" ").join(told)) if told else sql.SQL("''")


def _unexpected_conditions(rules: list[Rule], batch: Any) -> list[str]:
    """For each rule the SQL that is true for a row that breaks it, as GX itself understands the expectation."""
    from great_expectations.expectations.registry import get_expectation_impl, get_metric_kwargs
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.validator import Validator

    engine = batch.data.execution_engine
    validator = Validator(execution_engine=engine, batches=[batch])
    validator.metrics_calculator.show_progress_bars = False
    conditions = []
    for rule in rules:
        implementation: Any = get_expectation_impl(rule.expectation["type"])
        configuration = implementation(**rule.expectation["kwargs"]).configuration
        metric = f"{implementation.map_metric}.condition"
        needed = get_metric_kwargs(metric, configuration=configuration)
        condition, _, _ = validator.get_metric(
            MetricConfiguration(
                metric,
                metric_domain_kwargs={**needed["metric_domain_kwargs"], "batch_id": batch.id},
                metric_value_kwargs=needed["metric_value_kwargs"],
            )
        )
        compiled = condition.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
        conditions.append(str(compiled))
    return conditions


@cache
def _great_expectations() -> ModuleType:
    """GX with our own expectation registered. Importing it takes seconds, so it happens in the first check."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.expectations.expectation import MulticolumnMapExpectation
    from great_expectations.expectations.metrics.map_metric_provider import (
        MulticolumnMapMetricProvider,
        multicolumn_condition_partial,
    )

    class ColumnsSatisfy(MulticolumnMapMetricProvider):
        """The condition of a suite, as SQL over its columns and named values. Unknown (NULL) passes."""

        condition_metric_name = "multicolumn_values.satisfy"
        condition_domain_keys = (
            "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
        )  # fmt: skip
        condition_value_keys = ("sql", "values")

        @multicolumn_condition_partial(engine=SqlAlchemyExecutionEngine)
        def _sqlalchemy(cls, column_list: Any, sql: str, values: dict[str, Any], **_: Any) -> Any:
            return sqlalchemy.type_coerce(sqlalchemy.text(f"({sql})").bindparams(**values), sqlalchemy.Boolean())

    class ExpectColumnsToSatisfy(MulticolumnMapExpectation):
        """Expect a SQL condition over several columns to hold in every row."""

        map_metric = "multicolumn_values.satisfy"
        success_keys = ("sql", "values", "mostly")
        sql: str
        values: dict[str, int | float] = {}  # noqa: RUF012 (a field of GX's model)
        ignore_row_if: Literal["all_values_are_missing", "any_value_is_missing", "never"] = "never"

    del ColumnsSatisfy, ExpectColumnsToSatisfy  # defining them has registered them
    return gx
