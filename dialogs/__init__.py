"""The follow-up script and the engine that runs it: no I/O, no clock, no randomness of its own."""
