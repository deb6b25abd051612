"""The server's configuration: one definition for each option, and which of the places that may give it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest
from click.testing import CliRunner, Result

import service
from service import options
from service.cli import main, with_options
from service.config import read_file
from service.errors import StartupError
from service.server import Options


def written(directory: Path, text: str) -> Path:
    path = directory / "hornbeam.toml"
    path.write_text(text)
    return path


def given(group: type, arguments: Sequence[str], **environment: str) -> Result:
    """What a command of the group's options prints, which is the group that they make, or says."""

    def show(**values: Any) -> None:
        click.echo(repr(options.build(group, values)))

    return CliRunner(env=environment).invoke(click.command()(with_options(group)(show)), list(arguments))


FILE = "[transport]\ngrpc_port = 1111\n[server]\ngrace_seconds = 7\nhost = '0.0.0.0'\n[device]\ndevice = 'cuda'\n"


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    arguments = ["--config", str(written(tmp_path, FILE)), "--grpc-port", "3333"]
    done = given(Options, arguments, HORNBEAM_GRPC_PORT="2222", HORNBEAM_GRACE_SECONDS="5.5")
    values = {"grpc_port": 3333, "grace_seconds": 5.5, "host": "0.0.0.0", "device": "cuda"}
    assert done.output == f"{options.build(Options, values)!r}\n"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    done = given(Options, [], HORNBEAM_CONFIG=str(written(tmp_path, FILE)))
    values = {"grpc_port": 1111, "grace_seconds": 7.0, "host": "0.0.0.0", "device": "cuda"}
    assert done.output == f"{options.build(Options, values)!r}\n"


def test_without_any_of_them_the_defaults_count() -> None:
    assert given(Options, []).output == f"{Options()!r}\n"


FAULTS: Mapping[str, tuple[str, str]] = {
    "no TOML": ("[server", "is no TOML: "),
    "an unknown table": ("[sever]\nhost = ''", "there is no table [sever]; did you mean 'server'?"),
    "a key outside of the tables": ("grpc_port = 1", "there is no table [grpc_port]; there are server, transport, "),
    "no table": ("server = 3", "[server] is a table, and was given 3"),
    "an unknown key": ("[transport]\ngrcp_port = 1", "[transport]: there is no option 'grcp_port'; did you mean 'grpc_port'?"),
    "a key of another table": ("[server]\ngrpc_port = 1", "[server]: there is no option 'grpc_port'; it belongs to [transport]"),
    "text for a number": ("[transport]\ngrpc_port = '1'", "[transport]: grpc_port is a whole number, and was given '1'"),
    "true for a number": ("[transport]\ngrpc_port = true", "[transport]: grpc_port is a whole number, and was given True"),
    "a number out of bounds": ("[transport]\ngrpc_port = 65536", "[transport]: grpc_port is between 0 and 65535, and was given 65536"),
    "what is no choice": ("[device]\ndevice = 'tpu'", "[device]: device is one of cpu, cuda, tensorrt, and was given 'tpu'"),
}


@pytest.mark.parametrize(("text", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_in_the_file_is_one_sentence_with_file_table_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    done = CliRunner().invoke(main, ["run", "models", "--config", str(path)])
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert str(path) in done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"nope\.toml cannot be read: No such file or directory"):
        read_file(Options, tmp_path / "nope.toml")


def test_every_option_can_be_given_in_a_file(tmp_path: Path) -> None:
    for part, group in (("server", Options().server), ("transport", Options().transport), ("logging", Options().logging)):
        for option in options.options(type(group)):
            path = written(tmp_path, f"[{part}]\n{option.name} = {toml(option.default)}\n")
            assert read_file(Options, path) == {option.name: option.default}


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(list(value) if isinstance(value, tuple) else value)


MANUAL = (Path(str(service.__file__)).parent / "README.md").read_text().split("## Configuration\n", 1)[1]


def test_the_file_in_the_manual_is_one(tmp_path: Path) -> None:
    text = MANUAL.split("```toml\n", 1)[1].split("```", 1)[0]
    values = read_file(Options, written(tmp_path, text))
    assert values["drain_delay_seconds"] == 10.0
    assert len(values) == 6


def test_the_manual_names_every_table() -> None:
    (told,) = [line for line in MANUAL.replace("\n", " ").split(". ") if "The tables are " in line]
    assert told.split("The tables are ")[1].replace(" and ", ", ").split(", ") == [field.name for field in fields(Options)]


# Kinds of options.


@dataclass(frozen=True)
class Kinds:
    """One option of each kind."""

    whole: Annotated[int, "A whole number.", (1, None)] = 1
    switch: Annotated[bool, "A switch."] = True
    sizes: Annotated[tuple[int, ...], "Sizes.", (1, 9)] = (1, 2)
    names: Annotated[tuple[Literal["a", "b"], ...], "Names."] = ()


@dataclass(frozen=True)
class All:
    """Everything."""

    kinds: Kinds = field(default_factory=Kinds)


ARGUMENTS: Mapping[str, tuple[list[str], Kinds]] = {
    "nothing": ([], Kinds()),
    "a switch off": (["--no-switch"], Kinds(switch=False)),
    "a switch on": (["--switch"], Kinds()),
    "several numbers": (["--sizes", "3,4, 5"], Kinds(sizes=(3, 4, 5))),
    "no numbers": (["--sizes", ""], Kinds(sizes=())),
    "several choices": (["--names", "b,a"], Kinds(names=("b", "a"))),
}


@pytest.mark.parametrize(("arguments", "expected"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_each_kind_of_option_is_a_flag(arguments: list[str], expected: Kinds) -> None:
    assert given(All, arguments).output == f"{All(expected)!r}\n"


@pytest.mark.parametrize("text", ["0", "1,x", "10"])
def test_each_of_several_values_is_checked(text: str) -> None:
    done = given(All, ["--sizes", text])
    assert done.exit_code == 2
    assert "Invalid value for '--sizes'" in done.stderr


def test_switches_and_lists_may_come_from_the_environment() -> None:
    done = given(All, [], HORNBEAM_SWITCH="false", HORNBEAM_SIZES="7,8")
    assert done.output == f"{All(Kinds(switch=False, sizes=(7, 8)))!r}\n"


def test_switches_and_lists_may_come_from_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[kinds]\nswitch = false\nsizes = [7, 8]\n")
    assert read_file(All, path) == {"switch": False, "sizes": (7, 8)}
