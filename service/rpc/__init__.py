"""gRPC: the only room that knows it, and protobuf."""
