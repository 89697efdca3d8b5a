"""Which deliveries, how many, which page: what every list, count and export asks."""
