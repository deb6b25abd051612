"""Serves ONNX models over gRPC: the Open Inference Protocol, with batching across requests and Prometheus metrics."""

__all__ = ["__version__"]

__version__ = "0.1.0"
