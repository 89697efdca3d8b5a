"""What Prometheus reads: collected in the background, so that a scrape only hands it out."""
