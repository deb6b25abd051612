"""Load on servers of the Open Inference Protocol, and what comes of it."""
