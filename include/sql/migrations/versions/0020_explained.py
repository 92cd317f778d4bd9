"""Views that explain an order, by names and units and why a figure is not published: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_sql_file(__file__)
