"""Triton's logging and trace extensions: what callers may set of them, which is levels, and never a path."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from service.errors import InvalidRequestError, quoted
from service.request import Outcome
from service.rpc._pb import inference_pb2 as pb

__all__ = ["LogSettings", "TraceSettings"]

LOGGER = "hornbeam"  # above every logger of the service
OFF = logging.CRITICAL + 10
STEPS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, OFF)
LEVELS = {"log_info": logging.INFO, "log_warning": logging.WARNING, "log_error": logging.ERROR}
VERBOSE, FILE, FORMAT, FORMATS = "log_verbose_level", "log_file", "log_format", ("default",)


class LogSettings:
    """The level of the service's loggers, as Triton's switches. The logger holds it: there is no second truth."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)
        self._changing = Lock()

    def update(self, settings: Mapping[str, Any]) -> pb.LogSettingsResponse:
        """Sets what is given, all of it or nothing, and tells what holds now.

        A level lets through all that is graver, so that switches which are not given may move with those that are. Raises
        InvalidRequestError for what is no setting, and for switches that no level answers to.
        """
        wanted = {name: _checked(name, setting) for name, setting in settings.items()}
        if wanted:
            with self._changing:
                self._logger.setLevel(_level(self._logger.getEffectiveLevel(), wanted))
        response = pb.LogSettingsResponse()
        for name, value in self._switches().items():
            response.settings[name].CopyFrom(_setting(value))
        return response

    def _switches(self) -> dict[str, bool | int | str]:
        level = self._logger.getEffectiveLevel()
        switches: dict[str, bool | int | str] = {FILE: "", FORMAT: FORMATS[0], VERBOSE: int(level <= logging.DEBUG)}
        return {**switches, **{name: level <= least for name, least in LEVELS.items()}}


def _level(now: int, wanted: Mapping[str, bool | int | str]) -> int:
    """The level nearest to the present one that lets through what is switched on, and not what is switched off."""
    least = {**LEVELS, VERBOSE: logging.DEBUG}
    fits = [step for step in STEPS if all((step <= least[name]) == bool(value) for name, value in wanted.items() if name in least)]
    if not fits:
        found = ", ".join(f"{name} {str(value).lower()}" for name, value in wanted.items())
        raise InvalidRequestError(f"what is graver cannot be off while something less grave is on; found {found}", "settings")
    at = next((index for index, step in enumerate(STEPS) if now <= step), len(STEPS))
    return min(fits, key=lambda step: abs(STEPS.index(step) - at))


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


LEVEL, RATE, COUNT, FREQUENCY = "trace_level", "trace_rate", "trace_count", "log_frequency"
# Whether requests are traced, each how manieth, and how many more of them: -1 for no end.
DEFAULTS: Mapping[str, int] = {LEVEL: False, RATE: 1000, COUNT: -1}
ALL = ""  # in the place of a model's name: what holds for models without a setting of their own
# Of those that are numbers; each trace goes to the log at once, so that there is one frequency.
BOUNDS = {RATE: (1, 2**32 - 1), COUNT: (-1, 2**31 - 1), FREQUENCY: (0, 0)}
traces = logging.getLogger("hornbeam.trace")


class TraceSettings:
    """Which requests are traced, of all models or of one; a trace is a line in the log."""

    def __init__(self) -> None:
        self._changing = Lock()
        self._own: dict[str, dict[str, int]] = {ALL: {}}
        self._seen: dict[str, int] = {}
        self._any = False  # whether anything is traced at all

    def update(self, model: str, settings: Mapping[str, Any]) -> pb.TraceSettingResponse:
        """Sets what is given, all of it or nothing, and tells what holds now for a model, or for all when `model` is empty.

        A setting without a value goes back to what holds for all models, or to its default. Raises InvalidRequestError.
        """
        wanted = {name: _sampled(name, list(setting.value)) for name, setting in settings.items()}
        with self._changing:
            if wanted:
                own = {**self._own.get(model, {}), **wanted}
                self._own[model] = {name: value for name, value in own.items() if value is not None and name != FREQUENCY}
                self._seen.pop(model, None)
                self._any = any(own.get(LEVEL) for own in self._own.values())
            effective = self._effective(model)
        response = pb.TraceSettingResponse()
        for name, text in _told(effective).items():
            response.settings[name].value.append(text)
        return response

    def record(self, outcome: Outcome) -> None:
        """Writes the line of a request that has ended, where it is to be traced."""
        if self._any and outcome.model and outcome.timeline.queued is not None and self._takes(outcome.model):
            traces.info("%s", _line(outcome))

    def _effective(self, model: str) -> dict[str, int]:
        return {**DEFAULTS, **self._own[ALL], **self._own.get(model, {})}

    def _takes(self, model: str) -> bool:
        """Whether the next request of a model is one to trace; counts it."""
        with self._changing:
            effective = self._effective(model)
            if not effective[LEVEL] or effective[COUNT] == 0:
                return False
            self._seen[model] = (self._seen.get(model, 0) + 1) % effective[RATE]
            if self._seen[model]:
                return False
            holder = self._own[model if COUNT in self._own.get(model, {}) else ALL]
            if effective[COUNT] > 0:
                holder[COUNT] = effective[COUNT] - 1
            return True


def _line(outcome: Outcome) -> str:
    timeline = outcome.timeline
    stamps = ("queued", "started", "computed", "answered", "ended")
    reached = {name: getattr(timeline, name) for name in stamps if getattr(timeline, name) is not None}
    phases = " ".join(f"{name}={(at - timeline.received) * 1e6:.0f}us" for name, at in reached.items())
    return f"trace {outcome.method} model={outcome.model} version={outcome.version} code={outcome.code} {phases}"


def _sampled(name: str, values: Sequence[str]) -> int | None:
    """What a setting is set to, None for no more. Raises InvalidRequestError."""
    field = f"settings['{quoted(name)}']"
    if name == "trace_file":
        raise InvalidRequestError("trace file location can not be updated through network protocol", field)
    if name not in BOUNDS and name != LEVEL:
        known = ", ".join((LEVEL, *BOUNDS))
        raise InvalidRequestError(f"there is no trace setting '{quoted(name)}'; there are {known}", field)
    if not values:
        return None
    return _trace_level(values, field) if name == LEVEL else _number(name, values, *BOUNDS[name], field)


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


def _told(effective: Mapping[str, int]) -> Mapping[str, str]:
    return {
        LEVEL: "TIMESTAMPS" if effective[LEVEL] else "OFF",
        RATE: str(effective[RATE]),
        COUNT: str(effective[COUNT]),
        FREQUENCY: "0",
        "trace_file": "",
        "trace_mode": "log",
    }
