"""Recordings of calls: stereo Ogg Opus in segments of 10 s, the caller left and the agent right."""
