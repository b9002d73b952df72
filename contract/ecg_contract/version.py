VERSION = "0.1.0"
"""The version of this project, as its pyproject.toml has it."""
SPECIFICATION_VERSION = "1.2.0"
"""The version of the specification that it implements."""
