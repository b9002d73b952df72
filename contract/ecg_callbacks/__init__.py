"""Delivers callbacks: which one is due, one signed try at a time, recorded; the same code in both hosts."""
