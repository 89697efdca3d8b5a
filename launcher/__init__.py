"""bin/run: starts the parts of CAPI Relay and keeps them running."""
