"""Crash runs: real processes killed under load, a platform that misbehaves, and a checker of it all."""
