"""Schema quality: see the SQL file of the same name."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file as it stands; the cursor is the driver's, so that `%` and `:` mean themselves."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
