"""The Dockerfile and its locks; and, marked `deploy`, the image built and run without a container engine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

from service.client import Client
from tests.conftest import READY, ROOT, HeldOut, check, run
from tests.deploy.tools import tool

CONTAINER = ROOT / "deploy" / "container"
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
LOCKS = {path.stem: path for path in sorted(CONTAINER.glob("*.lock"))}
MIRRORS = ("/etc/ssl/certs", "/etc/pip.conf", "/etc/xdg/pip")  # where pip gets packages from on this machine, if it says so
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def wanted(lock: str) -> dict[str, str]:
    """The requirements that a lock is made from, by name."""
    lines = (line.strip() for line in (CONTAINER / f"{lock}.in").read_text().splitlines() if not line.startswith("#"))
    return {NAME.match(line)[0]: line for line in lines}  # type: ignore[index]


def pinned(lock: str) -> Mapping[str, set[str]]:
    """The versions of each package in a lock."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", LOCKS[lock].read_text(), re.M):
        found.setdefault(name, set()).add(version)
    return found


def test_hadolint_has_nothing_to_say() -> None:
    for path in (CONTAINER / "Dockerfile", CONTAINER / "model.Dockerfile"):
        assert check(tool("hadolint"), path) == ""


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_everything_and_no_host(lock: str) -> None:
    text = LOCKS[lock].read_text()
    assert "http" not in text
    assert "index" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+( ; [^\n]*)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n?)+$", entry), entry


def test_the_locks_are_of_what_the_package_declares() -> None:
    declared = {NAME.match(line)[0]: line.split(";")[0].strip() for line in DECLARED}  # type: ignore[index]
    assert wanted("builder") == declared
    serving = {name: line for name, line in declared.items() if name not in ("onnx", "h5py")}
    assert wanted("cpu") == serving
    assert set(wanted("cuda")) == serving.keys() - {"onnxruntime"} | {"onnxruntime-gpu"}
    for lock in ("builder", "cpu", "cuda"):
        assert wanted(lock).keys() <= pinned(lock).keys()
    for lock in ("cpu", "cuda"):
        assert not pinned(lock).keys() & {"onnx", "h5py", "ml-dtypes"}
    assert not pinned("cuda").keys() & {"onnxruntime"}


def test_the_images_do_not_need_what_they_should_not() -> None:
    text = (CONTAINER / "Dockerfile").read_text()
    stages = dict(re.findall(r"^FROM (?:\S+) AS (\S+)\n(.*?)(?=^FROM|\Z)", text, re.M | re.S))
    assert "USER 65532:65532" in stages["common"]
    assert "STOPSIGNAL SIGTERM" in stages["common"]
    for target in ("builder", "cuda", "cpu"):
        assert "RUN" not in stages[target], "the last stage of an image needs no shell"
        assert re.search(r'^ENTRYPOINT \["', stages[target], re.M)
    assert list(stages)[-1] == "cpu", "what is built without --target"
    assert not re.search(r"NVIDIA_VISIBLE_DEVICES\s*=", text)
    assert "--require-hashes" in stages["installed-cpu"]
    assert "--require-hashes" in stages["installed-cuda"]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What every call of buildah begins with: a place of its own."""
    if os.geteuid() != 0:
        pytest.skip("buildah builds without a daemon as root only")
    place = tmp_path_factory.mktemp("buildah")
    return [str(tool("buildah")), "--root", str(place / "root"), "--runroot", str(place / "run")]


@pytest.fixture(scope="session")
def base(store: list[str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Debian with Python, as an image; HORNBEAM_TEST_BASE names a root in a tar file that saves the minutes to make one."""
    root = Path(os.environ.get("HORNBEAM_TEST_BASE") or tmp_path_factory.mktemp("base") / "root.tar")
    if not root.exists():
        slim = [f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("locale", "doc", "man")]
        check(tool("mmdebstrap"), "--variant=essential", *slim, "--include=python3-venv,ca-certificates,libstdc++6", "bookworm", root)
    container = check(*store, "from", "scratch").strip()
    mounted = check(*store, "mount", container).strip()
    check("tar", "--directory", mounted, "--extract", "--file", root)
    check(*store, "umount", container)
    check(*store, "commit", "--quiet", container, "localhost/base")
    check(*store, "rm", container)
    return "localhost/base"


@dataclass(frozen=True)
class Image:
    """A built image: its config, and a bundle that runc takes."""

    config: dict[str, Any]
    bundle: Path

    @property
    def packages(self) -> Path:
        (found,) = (self.bundle / "rootfs" / "opt" / "hornbeam" / "lib").glob("python3*/site-packages")
        return found


def built(target: str, store: list[str], base: str, place: Path) -> Image:
    mirrors = [f"--volume={path}:{path}:ro" for path in MIRRORS if Path(path).exists()]
    check(
        *(*store, "bud", "--isolation", "chroot", "--network", "host", *mirrors, "--build-arg", f"BASE={base}", "--target", target),
        *("--ignorefile", CONTAINER / "Dockerfile.dockerignore", "--file", CONTAINER / "Dockerfile", "--tag", f"localhost/{target}", ROOT),
    )
    check(*store, "push", f"localhost/{target}", f"oci:{place / 'oci'}:{target}")
    check(tool("umoci"), "unpack", "--image", f"{place / 'oci'}:{target}", place / "bundle")
    return Image(json.loads(check(tool("skopeo"), "inspect", "--config", f"oci:{place / 'oci'}:{target}")), place / "bundle")


@pytest.fixture(scope="session")
def cpu(store: list[str], base: str, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return built("cpu", store, base, tmp_path_factory.mktemp("cpu"))


@contextmanager
def contained(image: Image, models: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A container as Pod Security restricted has it: another user, no capabilities, a root that cannot be written."""
    config = json.loads((image.bundle / "config.json").read_text())
    config["root"]["readonly"] = True
    process = config["process"]
    process |= {"terminal": False, "args": [*image.config["config"]["Entrypoint"], *args], "noNewPrivileges": True}
    process["capabilities"] = {kind: [] for kind in process["capabilities"]}
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "network"]
    config["mounts"] = [one for one in config["mounts"] if one["destination"] not in ("/tmp", "/mnt/models")]
    config["mounts"] += [
        {"destination": "/mnt/models", "type": "bind", "source": str(models), "options": ["rbind", "ro"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=64m"]},
    ]
    (image.bundle / "config.json").write_text(json.dumps(config))
    command = [str(tool("runc")), "--root", str(image.bundle / "state"), "run", "--bundle", str(image.bundle), "server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as container:
        try:
            yield container
        finally:
            if container.poll() is None:
                run(tool("runc"), "--root", image.bundle / "state", "kill", "server", "KILL")
            container.communicate(timeout=60)


@pytest.mark.deploy
def test_the_image_says_what_it_is_and_is_small(cpu: Image) -> None:
    config = cpu.config["config"]
    assert config["User"] == "65532:65532"
    assert config["StopSignal"] == "SIGTERM"
    assert config["ExposedPorts"].keys() == {"8001/tcp", "8002/tcp"}
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    names = {path.name.split("-")[0] for path in cpu.packages.iterdir()}
    assert {"service", "onnxruntime", "grpc", "numpy"} <= names
    assert not names & {"onnx", "h5py", "pip", "builder", "hatchling"}
    size = int(check("du", "--summarize", "--apparent-size", "--block-size=1048576", cpu.bundle / "rootfs").split()[0])
    assert size < 300, f"{size} MiB"


@pytest.mark.deploy
def test_the_image_serves_as_restricted_pods_run_and_ends_when_told(cpu: Image, models: Path, held_out: HeldOut) -> None:
    ports = ("--host", "127.0.0.1", "--grpc-port", "0", "--admin-port", "0", "--drain-delay-seconds", "0")
    for path in (models, *models.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # as a volume is
    os.chmod(models.parent, 0o755)  # noqa: PTH101
    with contained(cpu, models, "run", "/mnt/models", *ports) as container:
        assert container.stdout is not None
        line = container.stdout.readline()
        ready = READY.match(line)
        assert ready, line or container.communicate()[1]
        with urlopen(f"{ready[2].rsplit('/', 1)[0]}/readyz", timeout=10) as answer:
            assert answer.status == 200
        with Client(ready[1]) as client:
            answers = client.infer("digits", {"image": held_out.images[:64]})["probabilities"]
        assert np.abs(answers - held_out.keras[:64]).max() <= 1e-5
        runc = (tool("runc"), "--root", cpu.bundle / "state")
        pid = json.loads(check(*runc, "state", "server"))["pid"]
        status = dict(re.findall(r"^(\w+):\s+(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M))
        assert status["Uid"].split() == ["65532"] * 4
        assert (int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, 0, "1")
        script = (ROOT / "deploy" / "helm" / "hornbeam" / "files" / "inference.py").read_text()
        assert "digits 1 probabilities[1, 10]" in check(*runc, "exec", "server", "python", "-c", script, ready[1])
        assert run(*runc, "exec", "server", "touch", "/opt/hornbeam/here").returncode != 0
        check(*runc, "kill", "server", "TERM")
        out, _ = container.communicate(timeout=60)
        assert container.returncode == 0
        assert out.endswith("stopped\n")


@pytest.mark.deploy
def test_the_image_says_in_a_sentence_what_keeps_it_from_starting(cpu: Image, tmp_path: Path) -> None:
    with contained(cpu, tmp_path, "run", "/mnt/models") as container:
        out, error = container.communicate(timeout=60)
    assert container.returncode == 2, out
    assert "Traceback" not in error
    assert container.returncode != -signal.SIGKILL


@pytest.mark.deploy
def test_the_exporter_s_image_exports(store: list[str], base: str, tmp_path: Path) -> None:
    image = built("builder", store, base, tmp_path)
    assert {"onnx", "h5py", "builder"} <= {path.name for path in image.packages.iterdir()}
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    (shared / "digits.keras").write_bytes((ROOT / "tests" / "digits" / "digits.keras").read_bytes())
    (shared / "digits.keras").chmod(0o644)
    for parent in (tmp_path, *list(tmp_path.parents)[:2]):
        parent.chmod(0o755)
    with contained(image, shared, "export", "/mnt/models/digits.keras", "/tmp/models") as container:
        out, error = container.communicate(timeout=120)
    assert container.returncode == 0, error
    assert "checked  ONNX checker" in out
