SPECIFICATION_VERSION = "1.2.0"
"""The version of the specification that this project implements."""
