"""Reports as lines on stdout; the result in a file."""
