"""Every cell behind an order line, agencies counted once, units as they were called: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_sql_file(__file__)
