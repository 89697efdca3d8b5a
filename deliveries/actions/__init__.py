"""The verbs of the admin, the API and the commands: retry, discard, replay, in bulk too."""
