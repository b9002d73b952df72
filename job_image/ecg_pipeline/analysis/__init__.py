"""The analysis: its stages, their models, and the assembly of the result."""
