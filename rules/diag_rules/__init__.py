"""Decide: what an error means, and what a deletion would meet. SQLAlchemy only, no Flask."""
