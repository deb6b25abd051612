"""`keras.ops` functions of neural networks."""
