"""A stored result as subtitles and as text."""
