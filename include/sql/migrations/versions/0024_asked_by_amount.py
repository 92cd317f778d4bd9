"""A release also asks a person if its amounts change much: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_sql_file(__file__)
