"""The catalog of events: what each source sends, and what becomes of it at each destination."""
