"""Everything that remembers or talks to the world: store, pipeline, desk, reports, API, command."""

import os

__version__ = "0.1.0"

# As in kb/__init__.py, for whoever imports numpy through us first.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
