"""Listeners of the web server, of the engine, and of the servers among each other: limits on connections and time."""
