"""The former name of ``pinterest_sandbox``, for `python -m destinations.sandbox`."""
