"""How languages are written."""

WITHOUT_SPACES = frozenset({"ja", "zh"})
"""Languages in which each character counts as a word, as in whisperX."""
