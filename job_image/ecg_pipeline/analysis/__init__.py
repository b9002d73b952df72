"""The analysis: stages, models, and how their results become one."""
