"""Alerts: what goes wrong is told to people, once, with what to do. An app of its own.

``run.run_alerts`` is all of it: read narrow figures, judge them, keep one open alert for each
condition and subject, and send what is to be said.
"""
