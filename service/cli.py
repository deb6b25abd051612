"""The `hornbeam-serve` command: parse, call, print. What the operator has to change is one sentence and exit code 2."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import TYPE_CHECKING, Any, get_type_hints

import click
from click.core import ParameterSource

# gRPC reads these when it is imported. What its core would log of a port that is in use, the command says itself.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# The thread that polls for calls reads their sockets itself, rather than being handed what another thread has read.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")

from service import garbage, logs
from service import options as declared
from service.config import read_file
from service.errors import StartupError
from service.server import Options, Server, explanations

if TYPE_CHECKING:
    from service.workers import Parent

__all__ = ["main", "with_options"]


class _Failure(click.ClickException):
    exit_code = 2


class _GaveUp(click.ClickException):
    exit_code = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hornbeam", prog_name="hornbeam-serve", message="%(prog)s %(version)s")
def main() -> None:
    """Serves ONNX models over gRPC, with batching across requests and Prometheus metrics."""


class _Many(click.ParamType[Any]):
    """Values with commas between them."""

    def __init__(self, one: click.ParamType[Any]) -> None:
        self.name = f"{one.name},..."
        self._one = one

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"{self._one.name.split()[0].upper()},..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        items = [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        return tuple(self._one.convert(item, param, ctx) for item in items)


class _ByPart(click.Command):
    """A command whose help lists the options by the part of the server that declares them, as the file's tables do."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        given = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = {param.name: record for param in given if (record := param.get_help_record(ctx))}
        for part, group in get_type_hints(Options).items():
            rows = [records.pop(option.name) for option in declared.options(group)]
            with formatter.section(f"[{part}] {(group.__doc__ or '').splitlines()[0].rstrip('.')}"):
                formatter.write_dl(rows)
        with formatter.section("The command"):
            formatter.write_dl(list(records.values()))


def with_options(group: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command a flag for each option of the parts of `group`, and `--config` for a file of them."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(list(declared.options(group))):
            command = _flag(option)(command)
        return click.option(
            "--config",
            type=click.Path(path_type=Path),
            is_eager=True,
            expose_value=False,
            callback=lambda context, _, path: _use_file(group, context, path),
            envvar="HORNBEAM_CONFIG",
            show_envvar=True,
            help="TOML file with a table for each part above.",
        )(command)

    return decorate


def _flag(option: declared.Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        f"{option.flag}/--no-{option.flag[2:]}" if option.type is bool and not option.many else option.flag,
        option.name,
        type=_type(option),
        default=option.default,
        help=option.help,
        envvar=option.environment,
        show_default=_shown(option),
        show_envvar=True,
    )


def _use_file(group: type, context: click.Context, path: Path | None) -> None:
    """Makes a file's values what counts where neither a flag nor the environment gives one."""
    if path is None:
        return
    try:
        context.default_map = read_file(group, path)
    except StartupError as error:
        raise _Failure(str(error)) from error


def _type(option: declared.Option) -> click.ParamType[Any]:
    """What click makes of a value, or refuses."""
    one = _type_of_one(option)
    return _Many(one) if option.many else one


def _type_of_one(option: declared.Option) -> click.ParamType[Any]:
    if option.choices:
        return click.Choice(option.choices)
    low, high = option.bounds
    if option.type is int:
        return click.IntRange(None if low is None else int(low), None if high is None else int(high))
    if option.type is float:
        return click.FloatRange(low, high)
    return click.BOOL if option.type is bool else click.STRING


def _shown(option: declared.Option) -> bool | str:
    """How the help tells the default: a list as it would be given."""
    return ",".join(map(str, option.default)) or "none" if option.many else option.default != ""


@main.command(cls=_ByPart)
@click.argument("path", metavar="REPOSITORY|MODEL.onnx", type=click.Path(path_type=Path))
@with_options(Options)
def run(path: Path, **values: Any) -> None:
    """Serve the models of a repository, or one .onnx file, until told to stop.

    A repository is a directory with <model>/<version>/model.onnx in it, as `hornbeam export` writes it. On SIGTERM the server
    says that it is not ready, serves on for the drain delay, answers what is in progress and ends; Ctrl-C leaves the delay out;
    a second signal stops it at once.

    Each option is a flag, an environment variable, or a key in its part's table of the --config file; the first of these counts.
    """
    signals = _Signals()
    try:
        options = declared.build(Options, values)
        logs.configure(options.logging)
        server = _server(path, options, signals)
        ready = _start(server, signals)
    except StartupError as error:
        raise _Failure(str(error)) from error
    if not ready:
        server.stop()
        click.echo("stopped before it was ready")
        sys.stdout.flush()
        os._exit(0)  # what is being loaded cannot be interrupted, and is of no use to anybody
    host, models = options.server.host, ", ".join(server.serving)
    click.echo(f"ready: gRPC on {host}:{server.grpc_port}, metrics on http://{host}:{server.admin_port}/metrics, serving {models}")
    garbage.spare()
    signals.stop.wait()
    if server.failure:
        server.stop()
        raise _GaveUp(server.failure)
    server.withdraw()
    if signals.patient and options.server.drain_delay_seconds:
        click.echo(f"draining: calls are still taken for {options.server.drain_delay_seconds:g} s")
        signals.wait(options.server.drain_delay_seconds)
    click.echo("stopping: requests in progress are finished first")
    server.stop()
    click.echo("stopped")


@main.command(cls=_ByPart)
@click.argument("path", metavar="REPOSITORY|MODEL.onnx", type=click.Path(path_type=Path))
@with_options(Options)
@click.pass_context
def explain(context: click.Context, /, path: Path, **values: Any) -> None:
    """Print how each model would be served, and where each of its settings came from, without serving.

    The models are loaded and tried as for serving: what would keep one from serving is said here as well.
    """
    given = {option.name: source for option in declared.options(Options) if (source := _source(context, option))}
    try:
        for text in explanations(path, declared.build(Options, values), given):
            click.echo(text)
    except StartupError as error:
        raise _Failure(str(error)) from error


def _source(context: click.Context, option: declared.Option) -> str:
    """Where an option was given; empty for its default."""
    off = option.type is bool and not context.params[option.name]
    sources = {
        ParameterSource.COMMANDLINE: f"--no-{option.flag[2:]}" if off else option.flag,
        ParameterSource.ENVIRONMENT: option.environment,
        ParameterSource.DEFAULT_MAP: "--config",
    }
    found = context.get_parameter_source(option.name)
    return sources.get(found, "") if found else ""


def _server(path: Path, options: Options, signals: _Signals) -> Server | Parent:
    """One process that serves, or the parent of several; that is loaded only for them."""
    if options.server.workers == 1:
        return Server(path, options)
    from service.workers import Parent

    return Parent(path, options, signals.stop.set)


def _start(server: Server | Parent, signals: _Signals) -> bool:
    """Starts the server, on a thread of its own: a load hears no signal. False when it was told to stop meanwhile.

    Raises StartupError.
    """
    errors: list[Exception] = []

    def start() -> None:
        try:
            server.start()
        except Exception as error:
            errors.append(error)

    thread = Thread(target=start, name="start", daemon=True)
    thread.start()
    while thread.is_alive() and not signals.stop.is_set():
        thread.join(0.05)
    if errors:
        raise errors[0]
    return not thread.is_alive()


class _Signals:
    """What SIGTERM and SIGINT ask for: `stop` is set by the first of them; the second ends the process there and then.

    `patient` says that nobody waits at a terminal, so that load balancers may have the drain delay to look elsewhere.
    """

    NUMBERS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.stop = Event()
        self._never = Event()
        self.patient = True
        for number in self.NUMBERS:
            signal.signal(number, self._first)

    def wait(self, seconds: float) -> None:
        """Returns after so many seconds, unless a second signal has ended the process."""
        self._never.wait(seconds)

    def _first(self, number: int, _: FrameType | None) -> None:
        # To the first process of a container the kernel sends no signal that has its default effect.
        last: Any = self._at_once if os.getpid() == 1 else signal.SIG_DFL
        for each in self.NUMBERS:
            signal.signal(each, last)
        self.patient = number == signal.SIGTERM
        self.stop.set()

    def _at_once(self, number: int, _: FrameType | None) -> None:
        os._exit(128 + number)


@main.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--address",
    default="127.0.0.1:8001",
    show_default=True,
    help="Host and port of the server, which may be any of the Open Inference Protocol.",
)
@click.option("--version", "version", default="", help="Version of the model; without it the server's choice.")
@click.option(
    "--concurrency", default="1,8,32,64", show_default=True, metavar="N,...", help="Closed loop: calls in flight, one measurement each."
)
@click.option(
    "--rate", default="", metavar="N,...", help="Open loop: calls a second that arrive whatever the server does; in place of --concurrency."
)
@click.option(
    "--arrivals", type=click.Choice(("poisson", "fixed")), default="poisson", show_default=True, help="How calls of an open loop arrive."
)
@click.option("--seconds", type=click.FloatRange(0.05), default=5.0, show_default=True, help="Length of each measurement.")
@click.option(
    "--warm-up", "warm_up_seconds", type=click.FloatRange(0), default=1.0, show_default=True, help="Seconds before each that do not count."
)
@click.option("--timeout", type=click.FloatRange(0.001), default=10.0, show_default=True, help="Seconds that each call has.")
@click.option(
    "--connections",
    type=click.IntRange(0, 500),
    default=0,
    show_default=True,
    help="Connections; 0 is one for each call in flight, up to 8.",
)
@click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that load the server.")
@click.option("--rows", type=click.IntRange(1), default=1, show_default=True, help="Rows in a request, of models that are batched.")
@click.option(
    "--shape", "shapes", multiple=True, metavar="INPUT:N,...", help="Sizes of an input's axes in each row; needed where they are free."
)
@click.option("--data", default="random", show_default=True, metavar="random|zeros|FILE.npz", help="What the inputs hold.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object in place of tables.")
@click.option(
    "--tune", is_flag=True, help="MODEL is a model's directory or file: find its best settings on this machine, and write its config.toml."
)
@click.option(
    "--p99",
    type=click.FloatRange(0, min_open=True),
    default=100.0,
    show_default=True,
    help="With --tune: the most milliseconds that the p99 may be.",
)
@click.option("--force", is_flag=True, help="With --tune: replace a config.toml that is there.")
def bench(model: str, concurrency: str, rate: str, as_json: bool, tune: bool, p99: float, force: bool, **values: Any) -> None:
    """Measure how a server serves MODEL: throughput, latencies, errors, the batches it forms and where the time goes."""
    from service.bench import command, measuring

    try:
        in_flight = measuring.numbers("--concurrency", concurrency, int)
        rates = measuring.numbers("--rate", rate, float) if rate else ()
        options = measuring.BenchOptions(concurrency=in_flight, rates=rates, **values)  # type: ignore[arg-type]  # each number of its kind
        if tune:
            command.run_tune(Path(model), options, p99 / 1e3, force, as_json, click.echo)
        else:
            command.run_bench(model, options, as_json, click.echo)
    except StartupError as error:
        raise _Failure(str(error)) from error
