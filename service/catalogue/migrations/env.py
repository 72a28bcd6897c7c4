"""What alembic runs: the migrations, on the connection that service.catalogue.revisions hands over."""

from alembic import context

from service.catalogue.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
