"""`keras.ops` functions that NumPy has too."""
