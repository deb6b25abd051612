"""The layers that are in every other network: inputs, dense layers, embeddings, wrappers."""
