"""Measuring the product: the load, the stub platform, and the figures. Numbers, never verdicts."""
