"""Programs for those who work on flask-diag; none of them is in the wheel."""
