"""Alembic's scripts of the store's schema; they ship in the wheel."""
