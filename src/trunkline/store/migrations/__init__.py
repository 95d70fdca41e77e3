"""Migrations of the database of stored calls, by Alembic."""
