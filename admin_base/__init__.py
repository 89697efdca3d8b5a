"""What every page of the admin stands on: one site, one base, and nothing else can be
registered."""
