"""What the server tells of itself: the table of metrics, where they are counted, and how they are exposed."""

from service.metrics.exposition import Metrics, MetricsOptions
from service.metrics.readings import ServerState
from service.metrics.table import METRICS, Metric

__all__ = ["METRICS", "Metric", "Metrics", "MetricsOptions", "ServerState"]
