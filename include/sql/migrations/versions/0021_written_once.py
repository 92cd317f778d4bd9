"""The largest tables of a release are written at less cost: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_sql_file(__file__)
