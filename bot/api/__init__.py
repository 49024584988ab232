"""REST for the wallet's back office, under /api/v1, with bearer keys and an OpenAPI page."""
