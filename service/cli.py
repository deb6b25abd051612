"""The `hornbeam-serve` command: parse, call, print. What the operator has to change is one sentence and exit code 2."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import click

# gRPC reads this when it is imported. What its core would log of a port that is in use, the command says itself.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from service import options as declared
from service.errors import StartupError
from service.server import Options, Server

__all__ = ["main"]


class _Failure(click.ClickException):
    exit_code = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hornbeam", prog_name="hornbeam-serve", message="%(prog)s %(version)s")
def main() -> None:
    """Serves ONNX models over gRPC, with batching across requests and Prometheus metrics."""


def _server_options(command: Callable[..., None]) -> Callable[..., None]:
    """A flag for each option that a part of the server declares."""
    for option in reversed(list(declared.options(Options))):
        command = click.option(
            option.flag,
            option.name,
            type=_type(option),
            default=option.default,
            multiple=option.many,
            help=option.help,
            envvar=option.environment,
            show_default=True,
            show_envvar=True,
        )(command)
    return command


def _type(option: declared.Option) -> Any:
    """What click makes of a value, or refuses."""
    if option.choices:
        return click.Choice(option.choices)
    ranges: dict[type, Any] = {int: click.IntRange, float: click.FloatRange}
    return ranges[option.type](*option.bounds) if option.type in ranges else option.type


@main.command()
@click.argument("path", metavar="REPOSITORY|MODEL.onnx", type=click.Path(path_type=Path))
@_server_options
def run(path: Path, **values: Any) -> None:
    """Serve the models of a repository, or one .onnx file, until told to stop.

    A repository is a directory with <model>/<version>/model.onnx in it, as `hornbeam export` writes it. SIGTERM and
    Ctrl-C stop the server once requests in progress have been answered; a second one stops it at once.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopped = _stop_on_signals()
    try:
        server = Server(path, declared.build(Options, values))
        server.start()
    except StartupError as error:
        raise _Failure(str(error)) from error
    host = values["host"]
    models = ", ".join(f"{status.model} version {status.version}" for status in server.registry.statuses())
    click.echo(f"ready: gRPC on {host}:{server.grpc_port}, metrics on http://{host}:{server.admin_port}/metrics, serving {models}")
    stopped.wait()
    click.echo("stopping: requests in progress are finished first")
    server.stop()
    click.echo("stopped")


def _stop_on_signals() -> Event:
    """Set by the first SIGTERM or SIGINT; the second, of either, ends the process there and then."""
    stopped = Event()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        stopped.set()

    for number in numbers:
        signal.signal(number, stop)
    return stopped
