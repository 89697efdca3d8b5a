"""Identity memory: what a person's events said, kept for those of their events that say less."""
