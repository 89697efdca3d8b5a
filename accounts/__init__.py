"""Who may do what: signing in, the second factor, roles and the history of changes."""
