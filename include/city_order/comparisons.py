"""What a batch's answers are compared with beyond their own files: gathered once, before the suites of `across`.

The last answers, the answers of superiors and subordinates, and everybody's prices are looked up for the whole batch at
a time; the suites then look at small tables, as often as they like.
"""

from __future__ import annotations

import logging

from include.city_order import warehouse

log = logging.getLogger(__name__)

#: What the models share, in the order in which they are made; gone at the end of the transaction.
_SHARED = ("compared_receipt", "compared_line")

#: What the suites look at, in the order in which they are filled: later models read earlier tables.
_GATHERED = ("staging.compared_item", "staging.compared_answer", "staging.repeated_line", "staging.compared_price")


def gather(dsn: str, batch_id: int) -> None:
    """Fill what the suites across answers look at, for what the stages before have left of a batch."""
    counts = {}
    with warehouse.transaction(dsn) as cursor:
        for name in _SHARED:
            # A rehearsal is one transaction for all batches.
            cursor.execute(f"drop table if exists pg_temp.{name}")
            cursor.execute(
                f"create temporary table {name} on commit drop as {warehouse.statement(f'across/{name}')}",
                {"batch_id": batch_id},
            )
            cursor.execute(f"analyze {name}")
        for table in _GATHERED:
            cursor.execute(f"delete from {table} where batch_id = %s", (batch_id,))
            counts[table] = warehouse.fill(cursor, table, {"batch_id": batch_id})
    log.info("compared across answers: %s", ", ".join(f"{count} in {table}" for table, count in counts.items()))
