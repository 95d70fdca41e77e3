"""Tests of stored calls."""
