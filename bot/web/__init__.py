"""Pages: their guard, their templates and what they share."""
