"""Pooling: windows, whole axes, a given number of cells."""
