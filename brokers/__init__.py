"""Celery's transports: a folder for the embedded setup, Redis with a quicker goodbye."""
