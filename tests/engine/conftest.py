"""This file makes the helpers in this folder importable for the tests in the folders below."""
