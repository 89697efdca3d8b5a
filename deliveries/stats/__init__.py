"""Counts over time, and what is read from them."""
