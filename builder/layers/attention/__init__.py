"""Attention: over one head or many."""
