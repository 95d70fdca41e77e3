"""Versions of the schema, each in a module of its own that never changes after a release."""
