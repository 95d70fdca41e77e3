"""Stored calls: their database, its writer, and reads."""
