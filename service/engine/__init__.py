"""Running models: what runs together and when, and the sessions that it runs in."""
