"""Triton's logging and trace extensions: what callers may set of them, which is levels, and never a path."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from service.errors import InvalidRequestError, quoted
from service.request import Outcome
from service.rpc._pb import inference_pb2 as pb

__all__ = ["LogSettings", "TraceSettings"]

LOGGER = "hornbeam"  # above every logger of the service
OFF = logging.CRITICAL + 10
LEVELS = {"log_error": logging.ERROR, "log_warning": logging.WARNING, "log_info": logging.INFO}  # from the gravest on
VERBOSE, FILE, FORMAT, FORMATS = "log_verbose_level", "log_file", "log_format", ("default",)


class LogSettings:
    """The level of the service's loggers, as Triton's switches. The logger holds it: there is no second truth."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)
        self._changing = Lock()

    def update(self, settings: Mapping[str, Any]) -> pb.LogSettingsResponse:
        """Sets what is given, all of it or nothing, and tells what holds now. Raises InvalidRequestError."""
        if settings:
            with self._changing:
                wanted = {**self._switches(), **{name: _checked(name, setting) for name, setting in settings.items()}}
                self._logger.setLevel(_level(wanted))
        response = pb.LogSettingsResponse()
        for name, value in self._switches().items():
            response.settings[name].CopyFrom(_setting(value))
        return response

    def _switches(self) -> dict[str, bool | int | str]:
        level = self._logger.getEffectiveLevel()
        switches: dict[str, bool | int | str] = {FILE: "", FORMAT: FORMATS[0], VERBOSE: int(level <= logging.DEBUG)}
        return {**switches, **{name: level <= least for name, least in LEVELS.items()}}


def _level(switches: Mapping[str, Any]) -> int:
    """The level that lets through what is switched on. Raises InvalidRequestError where something graver is switched off."""
    on = [bool(switches[name]) for name in LEVELS]
    if on != sorted(on, reverse=True) or (switches[VERBOSE] and not all(on)):
        names = ", ".join(f"{name} {str(value).lower()}" for name, value in ((name, bool(switches[name])) for name in LEVELS))
        raise InvalidRequestError(
            f"logs have levels here: what is graver cannot be off while something less grave is on; found {names}, {VERBOSE} "
            f"{switches[VERBOSE]}",
            "settings",
        )
    if switches[VERBOSE]:
        return logging.DEBUG
    return next((level for name, level in reversed(LEVELS.items()) if switches[name]), OFF)


def _checked(name: str, setting: pb.LogSettingsRequest.SettingValue) -> bool | int | str:
    kind = setting.WhichOneof("parameter_choice")
    field = f"settings['{quoted(name)}']"
    if name == FILE:
        raise InvalidRequestError("log file location can not be updated through network protocol", field)
    expected = {VERBOSE: "uint32_param", FORMAT: "string_param", **dict.fromkeys(LEVELS, "bool_param")}.get(name)
    if expected is None:
        raise InvalidRequestError(f"there is no log setting '{quoted(name)}'; there are {', '.join([*LEVELS, VERBOSE, FORMAT])}", field)
    if kind != expected:
        raise InvalidRequestError(f"expect {expected} for '{name}'", field)
    value: bool | int | str = getattr(setting, expected)
    if name == FORMAT and value not in FORMATS:
        raise InvalidRequestError(
            f"invalid argument for {FORMAT}, got: {quoted(str(value))}; the format is chosen when the server starts, and is '{FORMATS[0]}' "
            "here",
            field,
        )
    return value


def _setting(value: bool | int | str) -> pb.LogSettingsResponse.SettingValue:
    if isinstance(value, bool):
        return pb.LogSettingsResponse.SettingValue(bool_param=value)
    if isinstance(value, int):
        return pb.LogSettingsResponse.SettingValue(uint32_param=value)
    return pb.LogSettingsResponse.SettingValue(string_param=value)


@dataclass(frozen=True, slots=True)
class _Sampling:
    """Which requests are traced: each `rate`th while `level` is on, `count` of them in all, or without end for -1."""

    level: bool = False
    rate: int = 1000
    count: int = -1


TRACE_DEFAULTS = _Sampling()
traces = logging.getLogger("hornbeam.trace")


class TraceSettings:
    """Which requests are traced, of each model or of those that have no setting of their own; a trace is a line in the log."""

    def __init__(self) -> None:
        self._changing = Lock()
        self._samplings: dict[str, _Sampling] = {"": TRACE_DEFAULTS}
        self._seen: dict[str, int] = {}

    def update(self, model: str, settings: Mapping[str, Any]) -> pb.TraceSettingResponse:
        """Sets what is given, all of it or nothing, and tells what holds now for a model, or for all when `model` is empty.

        A setting without a value goes back to what holds for all models, or to its default. Raises InvalidRequestError.
        """
        with self._changing:
            sampling = self._samplings.get(model, self._samplings[""])
            above = self._samplings[""] if model else TRACE_DEFAULTS
            for name, setting in settings.items():
                sampling = _sampled(sampling, above, name, list(setting.value))
            if settings:
                self._samplings[model] = sampling
                self._seen[model] = 0
        response = pb.TraceSettingResponse()
        for name, value in _told(sampling).items():
            response.settings[name].value.append(value)
        return response

    def record(self, outcome: Outcome) -> None:
        """Writes the line of a request that has ended, where it is to be traced."""
        if len(self._samplings) == 1 and not self._samplings[""].level:
            return
        if outcome.model and outcome.timeline.queued is not None and self._takes(outcome.model):
            traces.info("%s", _line(outcome))

    def _takes(self, model: str) -> bool:
        """Whether the next request of a model is one to trace; counts it."""
        with self._changing:
            name = model if model in self._samplings else ""
            sampling = self._samplings[name]
            if not sampling.level or sampling.count == 0:
                return False
            self._seen[name] = (self._seen.get(name, 0) + 1) % sampling.rate
            if self._seen[name]:
                return False
            if sampling.count > 0:
                self._samplings[name] = replace(sampling, count=sampling.count - 1)
            return True


def _line(outcome: Outcome) -> str:
    timeline = outcome.timeline
    stamps = ("queued", "started", "computed", "answered", "ended")
    reached = {name: getattr(timeline, name) for name in stamps if getattr(timeline, name) is not None}
    phases = " ".join(f"{name}={(at - timeline.received) * 1e6:.0f}us" for name, at in reached.items())
    return f"trace {outcome.method} model={outcome.model} version={outcome.version} code={outcome.code} {phases}"


def _sampled(sampling: _Sampling, above: _Sampling, name: str, values: Sequence[str]) -> _Sampling:
    """The sampling with one setting changed. Raises InvalidRequestError."""
    field = f"settings['{quoted(name)}']"
    if name == "trace_file":
        raise InvalidRequestError("trace file location can not be updated through network protocol", field)
    if name == "trace_level":
        return replace(sampling, level=_trace_level(values, field) if values else above.level)
    if name == "trace_rate":
        return replace(sampling, rate=_number(name, values, 1, 2**32 - 1, field) if values else above.rate)
    if name == "trace_count":
        return replace(sampling, count=_number(name, values, -1, 2**31 - 1, field) if values else above.count)
    if name == "log_frequency":
        _number(name, values or ["0"], 0, 0, field)  # each trace goes to the log at once
        return sampling
    raise InvalidRequestError(
        f"there is no trace setting '{quoted(name)}'; there are trace_level, trace_rate, trace_count, log_frequency", field
    )


def _trace_level(values: Sequence[str], field: str) -> bool:
    if "OFF" in values and len(values) > 1:
        raise InvalidRequestError("Expect only one trace level 'OFF' is specified", field)
    if unknown := [value for value in values if value not in ("OFF", "TIMESTAMPS")]:
        raise InvalidRequestError(f"trace level '{quoted(unknown[0])}' is not one of this server, which has OFF and TIMESTAMPS", field)
    return "OFF" not in values


def _number(name: str, values: Sequence[str], least: int, most: int, field: str) -> int:
    if len(values) != 1:
        raise InvalidRequestError(f"expect only 1 value for '{name}'", field)
    text = values[0]
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidRequestError(f"Unable to parse '{name}', got: {quoted(text)}", field)
    if len(digits) > 20 or not least <= int(text) <= most:
        raise InvalidRequestError(f"Unable to parse '{name}', value is out of range [ {least}, {most} ], got: {quoted(text)}", field)
    return int(text)


def _told(sampling: _Sampling) -> Mapping[str, str]:
    return {
        "trace_level": "TIMESTAMPS" if sampling.level else "OFF",
        "trace_rate": str(sampling.rate),
        "trace_count": str(sampling.count),
        "log_frequency": "0",
        "trace_file": "",
        "trace_mode": "log",
    }
