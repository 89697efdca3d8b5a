"""Measurements, each run as `bin/bench NAME`. Never part of the tests."""
