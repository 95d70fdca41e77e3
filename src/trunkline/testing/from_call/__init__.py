"""Tests from calls: a call's log becomes turns, a pytest file, or a replay against today's agents."""
