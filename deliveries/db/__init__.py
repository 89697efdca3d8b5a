"""SQL that the ORM doesn't write, and how bodies are stored."""
