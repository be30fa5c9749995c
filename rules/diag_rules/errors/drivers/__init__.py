"""One module a family of drivers: each reads a driver's exception into a `Reading` and imports no driver."""
