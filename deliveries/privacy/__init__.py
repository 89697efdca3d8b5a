"""Who sees personal data, and how long it is kept."""
