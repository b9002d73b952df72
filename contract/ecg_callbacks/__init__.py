"""Delivers callbacks: decides which one is due, sends it signed, and records the outcome; used by both hosts."""
