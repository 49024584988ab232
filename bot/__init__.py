"""Everything that remembers or talks to the world: store, pipeline, desk, reports, API, command."""
