"""One module per family of secrets; each finds spans in a normalised text and decides nothing else."""
