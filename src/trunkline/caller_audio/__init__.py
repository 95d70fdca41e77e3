"""Processing of the caller's audio before anything listens to it: removal of the agent's echo."""
