"""What this product uses of django-unfold, which has no types of its own."""
