"""From what is owed to what Pinterest said: claim, transform, send, settle."""
