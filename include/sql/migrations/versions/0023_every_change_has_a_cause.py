"""Each figure that a release changes has its cause, of whatever kind it is: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_sql_file(__file__)
