"""Layers that move elements and change none, and those that add or repeat some."""
