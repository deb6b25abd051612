"""The models: where they lie on disk, and which of them serve."""
