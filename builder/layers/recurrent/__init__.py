"""Recurrent layers, their cells, and what runs them."""
