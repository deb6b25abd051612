"""Serves ONNX models over gRPC: the Open Inference Protocol, with batching across requests and Prometheus metrics."""

__all__ = ["__version__"]

from importlib.metadata import version

__version__ = version("hornbeam")
