"""Beside a standalone host: lines on stdout, a file."""
