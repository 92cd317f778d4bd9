"""The desk of the order's tests, for whoever publishes what it lands."""

from __future__ import annotations

from tests.orders.conftest import desk, table

__all__ = ["desk", "table"]
