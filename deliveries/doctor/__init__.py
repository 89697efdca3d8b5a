"""What goes wrong in practice, looked for at once: ``manage.py doctor`` and "System status"."""
