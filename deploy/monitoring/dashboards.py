"""The dashboards, written as what they show: rows of panels, each a title, a unit and its queries.

`python deploy/monitoring/dashboards.py` writes them for Grafana, into the chart's files, which Compose mounts too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DASHBOARDS", "Panel", "files"]

DESTINATION = Path(__file__).parent.parent / "helm" / "hornbeam" / "files" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
HERE = 'namespace=~"$namespace"'
MODEL = f'{HERE}, model=~"$model"'
ERRORS = "INTERNAL|UNAVAILABLE|UNKNOWN|DATA_LOSS|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED"
INFER = 'method=~"ModelInfer|ModelStreamInfer"'


@dataclass(frozen=True)
class Panel:
    """A panel: queries by legend, in Grafana's unit; `what` says how to read it. It may be a heat map of a histogram."""

    title: str
    unit: str
    queries: dict[str, str]
    what: str = ""
    heatmap: bool = False
    foreign: bool = False  # of another exporter's metrics: kube-state-metrics, DCGM


def rate(metric: str, by: str, more: str = "", selector: str = MODEL) -> str:
    """Events a second."""
    return f"sum by ({by}) (rate({metric}{{{selector}{more}}}[$__rate_interval]))"


def second(metric: str) -> str:
    """What a server's counter grows by in a second."""
    return f"rate({metric}{{{HERE}}}[$__rate_interval])"


def count(metric: str, by: str, selector: str = HERE) -> str:
    """How many there are of each."""
    return f"count by ({by}) ({metric}{{{selector}}})"


def quantile(share: float, metric: str, by: str = "model") -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', f'{by}, le')})"


def mean(metric: str) -> str:
    """The mean of a histogram, by model."""
    return f"{rate(f'{metric}_sum', 'model')} / {rate(f'{metric}_count', 'model')}"


CALLS = f", {INFER}"
FAILED = f'{CALLS}, code=~"{ERRORS}"'
LATENCY = {f"p{round(share * 100)} {{{{model}}}}": quantile(share, "hornbeam_request_duration_seconds") for share in (0.5, 0.95, 0.99)}
BY_SERVER = "pod, instance"

OVERVIEW: dict[str, list[Panel]] = {
    "Service level": [
        Panel("Calls", "reqps", {"{{model}} {{code}}": rate("hornbeam_requests_total", "model, code", f", {INFER}")}),
        Panel(
            "Errors",
            "percentunit",
            {"{{model}}": f"{rate('hornbeam_requests_total', 'model', FAILED)} / {rate('hornbeam_requests_total', 'model', CALLS)}"},
            "Calls that failed by the server's fault or its load's.",
        ),
        Panel("Latency", "s", LATENCY, "From a request's arrival to its answer, in the server."),
        Panel(
            "Error budget left, of 6 hours",
            "percentunit",
            {"{{model}}": f"1 - hornbeam:errors:ratio_rate6h{{{MODEL}}} / on () group_left () hornbeam:error_budget:ratio"},
            "Below zero, more has failed than may.",
        ),
    ],
    "Saturation": [
        Panel(
            "Calls in progress, of those that may be",
            "percentunit",
            {"{{pod}} {{instance}}": f"hornbeam:inflight:ratio{{{HERE}}}"},
            "Near 1, calls are refused: more servers, or larger batches.",
        ),
        Panel(
            "Waiting",
            "short",
            {
                "rows {{model}}": f"sum by (model) (hornbeam_queue_rows{{{MODEL}}})",
                "requests {{model}}": f"sum by (model) (hornbeam_queue_requests{{{MODEL}}})",
            },
        ),
        Panel("Age of the oldest", "s", {"{{model}}": f"max by (model) (hornbeam_queue_oldest_age_seconds{{{MODEL}}})"}),
        Panel("Calls without an answer", "reqps", {"{{model}} {{reason}}": rate("hornbeam_rejections_total", "model, reason")}),
    ],
    "Fleet": [
        Panel(
            "Calls by server",
            "reqps",
            {"{{pod}} {{instance}}": f"hornbeam:server_requests:rate5m{{{HERE}}}"},
            "Lines far apart: clients that do not balance.",
        ),
        Panel(
            "Servers with each version",
            "short",
            {"{{model}} {{version}}": f"count by (model, version) (hornbeam_model_ready{{{MODEL}}} == 1)"},
        ),
        Panel("Stages of servers", "short", {"{{state}}": f"sum by (state) (hornbeam_server_state{{{HERE}}})"}),
        Panel(
            "What they are made of",
            "short",
            {"{{version}}, ONNX Runtime {{onnxruntime}}, Python {{python}}": count("hornbeam_build_info", "version, onnxruntime, python")},
        ),
        Panel("Transports", "short", {"{{transport}}": count("hornbeam_transport_info", "transport")}),
        Panel(
            "Restarts",
            "short",
            {"{{pod}}": f'sum by (pod) (increase(kube_pod_container_status_restarts_total{{{HERE}, container="server"}}[1h]))'},
            "From kube-state-metrics.",
            foreign=True,
        ),
        Panel(
            "Certificate",
            "s",
            {
                "{{pod}} {{instance}}": f"hornbeam_tls_certificate_expiry_timestamp_seconds{{{HERE}}} - time()",
                "reads: {{result}}": f"sum by (result) (hornbeam_tls_reloads_total{{{HERE}}})",
            },
            "What is left of it, and how often a new one was read.",
        ),
    ],
}
MODELS: dict[str, list[Panel]] = {
    "Where the time goes": [
        Panel(
            "Mean of a call",
            "s",
            {
                "waiting {{model}}": mean("hornbeam_queue_duration_seconds"),
                "assembling {{model}}": mean("hornbeam_batch_assembly_seconds"),
                "computing {{model}}": mean("hornbeam_compute_seconds"),
                "answering {{model}}": mean("hornbeam_output_seconds"),
                "all {{model}}": mean("hornbeam_request_duration_seconds"),
            },
            "Waiting grows with load; computing with the model and the batch.",
        ),
        Panel("Latency", "s", LATENCY),
        Panel("Latency", "s", {"calls": rate("hornbeam_request_duration_seconds_bucket", "le")}, heatmap=True),
        Panel(
            "What was left of deadlines",
            "s",
            {"p5 {{model}}": quantile(0.05, "hornbeam_deadline_slack_seconds")},
            "Near 0, callers give up.",
        ),
        Panel(
            "Time spent on calls that got no answer",
            "s",
            {"{{model}} {{reason}}": rate("hornbeam_rejection_seconds_total", "model, reason")},
        ),
    ],
    "Batches": [
        Panel("Rows in a run", "short", {"runs": rate("hornbeam_batch_rows_bucket", "le")}, heatmap=True),
        Panel("Mean", "short", {"rows {{model}}": mean("hornbeam_batch_rows"), "requests {{model}}": mean("hornbeam_batch_requests")}),
        Panel(
            "Rows and runs",
            "ops",
            {
                "rows {{model}}": rate("hornbeam_rows_total", "model"),
                "runs {{model}}": rate("hornbeam_executions_total", "model"),
                "inline runs {{model}}": rate("hornbeam_inline_executions_total", "model"),
            },
        ),
        Panel(
            "Padding",
            "ops",
            {
                "rows {{model}}": rate("hornbeam_batch_padding_rows_total", "model"),
                "elements {{model}}": rate("hornbeam_padding_elements_total", "model"),
            },
            "Computed, and asked for by nobody.",
        ),
        Panel(
            "In progress",
            "short",
            {
                "calls {{model}}": f"sum by (model) (hornbeam_inflight_requests{{{MODEL}}})",
                "runs {{model}}": f"sum by (model) (hornbeam_inflight_executions{{{MODEL}}})",
                "rows {{model}}": f"sum by (model) (hornbeam_running_rows{{{MODEL}}})",
            },
        ),
        Panel(
            "What a run costs, as learned",
            "s",
            {
                "fixed {{model}}": f"avg by (model) (hornbeam_cost_model_fixed_seconds{{{MODEL}}})",
                "a row {{model}}": f"avg by (model) (hornbeam_cost_model_per_row_seconds{{{MODEL}}})",
            },
        ),
    ],
    "Loading": [
        Panel(
            "Ready",
            "short",
            {
                "{{model}} {{version}}": f"sum by (model, version) (hornbeam_model_ready{{{MODEL}}})",
                "{{model}} {{version}} {{state}}": f"sum by (model, version, state) (hornbeam_model_state{{{MODEL}}})",
            },
        ),
        Panel(
            "Loads",
            "short",
            {"{{model}} {{version}} {{result}}": f"sum by (model, version, result) (hornbeam_model_loads_total{{{MODEL}}})"},
        ),
        Panel(
            "Time to load",
            "s",
            {
                "all {{model}}": f"max by (model) (hornbeam_model_load_seconds{{{MODEL}}})",
                "warming {{model}}": f"max by (model) (hornbeam_model_warmup_seconds{{{MODEL}}})",
            },
        ),
        Panel("Memory", "bytes", {"{{model}} {{kind}}": f"sum by (model, kind) (hornbeam_model_memory_bytes{{{MODEL}}})"}),
        Panel(
            "Device",
            "short",
            {
                "{{model}} on {{device}}, asked for {{requested_device}}": count(
                    "hornbeam_model_info", "model, device, requested_device", MODEL
                )
            },
        ),
    ],
}
CAPACITY: dict[str, list[Panel]] = {
    "Processor": [
        Panel(
            "Cores used",
            "short",
            {
                "{{pod}} {{instance}}": f'rate(process_cpu_seconds_total{{{HERE}, job="hornbeam"}}[$__rate_interval])',
                "may use {{pod}} {{instance}}": f"hornbeam_cpu_quota_cores{{{HERE}}}",
            },
        ),
        Panel(
            "Throttled",
            "percentunit",
            {
                "periods {{pod}} {{instance}}": " / ".join(
                    map(second, ("hornbeam_cpu_throttled_periods_total", "hornbeam_cpu_periods_total"))
                ),
                "time {{pod}} {{instance}}": second("hornbeam_cpu_throttled_seconds_total"),
            },
            "The usual hidden cause of a long tail: give whole cores.",
        ),
        Panel("Threads", "short", {"{{pool}} {{pod}} {{instance}}": f"hornbeam_threads{{{HERE}}}"}),
        Panel(
            "Calls a core",
            "reqps",
            {
                "{{pod}} {{instance}}": f"{rate('hornbeam_requests_total', 'namespace, pod, instance', CALLS, HERE)} "
                "/ on (namespace, pod, instance) hornbeam_cpu_quota_cores"
            },
            "What a core of this fleet serves: the number to plan with.",
        ),
    ],
    "Memory": [
        Panel(
            "Memory",
            "bytes",
            {
                "{{pod}} {{instance}}": f'process_resident_memory_bytes{{{HERE}, job="hornbeam"}}',
                "limit {{pod}} {{instance}}": f"hornbeam_memory_limit_bytes{{{HERE}}}",
            },
        ),
        Panel("Open files", "short", {"{{pod}} {{instance}}": f'process_open_fds{{{HERE}, job="hornbeam"}}'}),
    ],
    "Room": [
        Panel(
            "Calls in progress",
            "short",
            {"all": f"sum(hornbeam_inflight_requests{{{HERE}}})", "at most": f"sum(hornbeam_max_inflight_requests{{{HERE}}})"},
        ),
        Panel(
            "Replicas",
            "short",
            {
                "{{horizontalpodautoscaler}}": f"kube_horizontalpodautoscaler_status_current_replicas{{{HERE}}}",
                "at most": f"kube_horizontalpodautoscaler_spec_max_replicas{{{HERE}}}",
            },
            "From kube-state-metrics.",
            foreign=True,
        ),
    ],
    "GPU, from DCGM": [
        Panel("Used", "percent", {"{{Hostname}} {{gpu}}": f"DCGM_FI_DEV_GPU_UTIL{{{HERE}}}"}, foreign=True),
        Panel("Memory", "decmbytes", {"{{Hostname}} {{gpu}}": f"DCGM_FI_DEV_FB_USED{{{HERE}}}"}, foreign=True),
        Panel("Faults (XID)", "short", {"{{Hostname}} {{gpu}}": f"DCGM_FI_DEV_XID_ERRORS{{{HERE}}}"}, foreign=True),
    ],
}
DASHBOARDS = {
    "overview": ("Hornbeam: overview", OVERVIEW),
    "model": ("Hornbeam: models", MODELS),
    "capacity": ("Hornbeam: capacity", CAPACITY),
}


def files() -> dict[str, str]:
    """Each dashboard's file, by name."""
    return {f"{name}.json": json.dumps(_dashboard(name, *parts), indent=1) + "\n" for name, parts in DASHBOARDS.items()}


def _dashboard(name: str, title: str, rows: dict[str, list[Panel]]) -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    y = 0
    for row, members in rows.items():
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": row,
                "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
                "collapsed": False,
                "panels": [],
            }
        )
        y += 1
        for index, panel in enumerate(members):
            place = {"x": index % 3 * 8, "y": y + index // 3 * 8, "w": 8, "h": 8}
            panels.append(_panel(len(panels) + 1, panel, place))
        y += (len(members) + 2) // 3 * 8
    return {
        "uid": f"hornbeam-{name}",
        "title": title,
        "tags": ["hornbeam"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [
            {"type": "dashboards", "title": "Hornbeam", "tags": ["hornbeam"], "asDropdown": True, "keepTime": True, "includeVars": True}
        ],
        "templating": {"list": _variables(name)},
        "panels": panels,
    }


def _variables(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
    asked = {"namespace": "label_values(hornbeam_build_info, namespace)"}
    if name != "capacity":
        asked["model"] = 'label_values(hornbeam_model_ready{namespace=~"$namespace"}, model)'
    for variable, query in asked.items():
        found.append(
            {
                "name": variable,
                "label": variable.capitalize(),
                "type": "query",
                "datasource": SOURCE,
                "query": {"query": query, "refId": variable},
                "refresh": 2,
                "includeAll": True,
                "allValue": ".*",  # also where there is no namespace
                "multi": True,
                "current": {"text": "All", "value": "$__all"},
            }
        )
    return found


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": SOURCE,
            "expr": query,
            "legendFormat": "__auto" if panel.heatmap else legend,
            "format": "heatmap" if panel.heatmap else "time_series",
            "range": True,
        }
        for index, (legend, query) in enumerate(panel.queries.items())
    ]
    options = (
        {"calculate": False, "yAxis": {"unit": panel.unit}}
        if panel.heatmap
        else {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    )
    return {
        "id": number,
        "type": "heatmap" if panel.heatmap else "timeseries",
        "title": panel.title,
        "description": panel.what,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": options,
        "targets": targets,
    }


if __name__ == "__main__":
    DESTINATION.mkdir(parents=True, exist_ok=True)
    for file, text in files().items():
        (DESTINATION / file).write_text(text)
