"""What became of the follow-ups: one row each, the measures made from those rows, pages, exports."""
