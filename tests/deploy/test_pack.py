"""`hornbeam pack`: an image of a model repository, the same to the byte wherever it is made, and what registries take."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.cli import main
from builder.errors import PackError
from builder.pack import Packed, pack
from tests.conftest import check
from tests.deploy.processes import free_port, running
from tests.deploy.tools import tool

FILES = {
    "digits/1/model.onnx": b"digits, the first",
    "digits/2/model.onnx": b"digits, the second" * 1000,
    "digits/2/model.onnx.data": b"\0" * 5000,
    "digits/config.toml": b"[batching]\n",
    "words/1/model.onnx": b"words",
    "words/1/assets/names.txt": "Wörter\n".encode(),
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write(tmp_path / "models", FILES)


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def blobs_of(image: Path) -> dict[str, bytes]:
    """Every file of the archive by name."""
    with tarfile.open(image) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}  # type: ignore[union-attr]


def blob(blobs: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    """What a descriptor means, its digest and size checked."""
    found = blobs["blobs/" + descriptor["digest"].replace(":", "/")]
    assert len(found) == descriptor["size"]
    assert f"sha256:{hashlib.sha256(found).hexdigest()}" == descriptor["digest"]
    return found


def unpacked(packed: Packed) -> dict[str, bytes]:
    """The files of the image's first platform, out of its layers, as a runtime puts them together."""
    blobs = blobs_of(packed.path)
    assert json.loads(blobs["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (first,) = json.loads(blobs["index.json"])["manifests"]
    assert first["digest"] == packed.digest
    manifest = json.loads(blob(blobs, json.loads(blob(blobs, first))["manifests"][0]))
    config = json.loads(blob(blobs, manifest["config"]))
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    files: dict[str, bytes] = {}
    for layer in manifest["layers"]:
        path = packed.path.with_suffix(".layer")
        path.write_bytes(blob(blobs, layer))
        files |= blobs_of(path)
    return files


def test_the_image_holds_the_repository_at_models_a_layer_for_each_model(repository: Path, tmp_path: Path) -> None:
    packed = pack(repository, tmp_path / "out" / "image.tar")
    assert unpacked(packed) == {f"models/{name}": content for name, content in FILES.items()}
    assert [(layer.model, layer.versions) for layer in packed.layers] == [("digits", (1, 2)), ("words", (1,))]
    assert [path.name for path in packed.path.parent.iterdir()] == ["image.layer", "image.tar"] or len(
        list(packed.path.parent.iterdir())
    ) == 2


def test_the_same_files_are_the_same_bytes_whoever_has_them_and_since_when(repository: Path, tmp_path: Path) -> None:
    first = pack(repository, tmp_path / "first.tar")
    other = write(tmp_path / "elsewhere" / "copy", dict(reversed(FILES.items())))
    for path in other.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    (other / ".git").mkdir()
    (other / "digits" / "2" / ".model.onnx.part").write_bytes(b"half")
    second = pack(other, tmp_path / "second.tar")
    assert first.digest == second.digest
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_model_that_has_not_changed_keeps_its_layer(repository: Path, tmp_path: Path) -> None:
    before = pack(repository, tmp_path / "before.tar")
    (repository / "words" / "1" / "model.onnx").write_bytes(b"other words")
    after = pack(repository, tmp_path / "after.tar")
    assert before.digest != after.digest
    assert [old == new for old, new in zip(before.layers, after.layers, strict=True)] == [True, False]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9._-]{0,120}/[1-9][0-9]{0,3}", fullmatch=True), st.binary(max_size=2000), min_size=1, max_size=6
    )
)
def test_whatever_is_packed_is_what_was_there(tmp_path: Path, models: dict[str, bytes]) -> None:
    shutil.rmtree(tmp_path / "models", ignore_errors=True)
    files = {f"{name}/model.onnx": content for name, content in models.items()}
    packed = pack(write(tmp_path / "models", files), tmp_path / "image.tar")
    assert unpacked(packed) == {f"models/{name}": content for name, content in files.items()}


def test_every_file_may_be_read_by_a_user_that_does_not_own_it(repository: Path, tmp_path: Path) -> None:
    packed = pack(repository, tmp_path / "image.tar")
    blobs = blobs_of(packed.path)
    layer = tmp_path / "layer.tar"
    layer.write_bytes(blobs["blobs/" + packed.layers[0].digest.replace(":", "/")])
    with tarfile.open(layer) as archive:
        entries = archive.getmembers()
    assert {entry.mode for entry in entries} == {0o755, 0o644}
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in entries} == {(0, 0, 0, "")}
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)


def link_out(root: Path) -> None:
    (root / "digits" / "1" / "secret").symlink_to("/etc/hostname")


def pipe(root: Path) -> None:
    os.mkfifo(root / "digits" / "1" / "pipe")


def empty(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def gone(root: Path) -> None:
    shutil.rmtree(root)


def named_badly(root: Path) -> None:
    (root / "digits").rename(root / "my digits")


REFUSED = {
    "nothing there": (gone, "is no model repository"),
    "a directory without models": (empty, "holds no model"),
    "a link out of the repository": (link_out, "is a link that leads out of the repository, to /etc/hostname"),
    "a pipe": (pipe, "is neither a file nor a directory"),
    "a name with a space": (named_badly, "'my digits' cannot be the name of a model"),
}


@pytest.mark.parametrize(("spoil", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_packed_is_refused_and_nothing_is_written(spoil: Any, sentence: str, repository: Path, tmp_path: Path) -> None:
    spoil(repository)
    with pytest.raises(PackError, match=sentence):
        pack(repository, tmp_path / "out" / "image.tar")
    assert not (tmp_path / "out" / "image.tar").exists()
    assert list((tmp_path / "out").glob("*")) == [] if (tmp_path / "out").exists() else True


def test_links_within_the_repository_are_what_they_lead_to(repository: Path, tmp_path: Path) -> None:
    (repository / "digits" / "3").symlink_to("2")
    files = unpacked(pack(repository, tmp_path / "image.tar"))
    assert files["models/digits/3/model.onnx"] == FILES["digits/2/model.onnx"]


def test_the_command_says_what_it_wrote_and_how_to_push_it(repository: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.tar"
    result = CliRunner().invoke(main, ["pack", str(repository), "-o", str(image), "--platform", "linux/arm64/v8"])
    assert result.exit_code == 0, result.output
    assert f"digest   {pack(repository, image, ['linux/arm64/v8']).digest}" in result.output
    assert f"skopeo copy --all --preserve-digests oci-archive:{image} docker://" in result.output
    result = CliRunner().invoke(main, ["pack", str(repository), "-o", str(image), "--platform", "arm"])
    assert result.exit_code == 2
    assert "'arm' is no platform" in result.output


REGISTRY = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.mark.deploy
def test_a_registry_knows_the_image_by_its_digest_and_gives_back_the_repository(repository: Path, tmp_path: Path) -> None:
    packed = pack(repository, tmp_path / "image.tar")
    port = free_port()
    (tmp_path / "registry.yaml").write_text(REGISTRY.format(root=tmp_path / "registry", port=port))
    image = f"127.0.0.1:{port}/models@{packed.digest}"
    with running(tool("docker-registry"), "serve", tmp_path / "registry.yaml", listens_on=port):
        push = ("copy", "--all", "--preserve-digests", "--dest-tls-verify=false", f"oci-archive:{packed.path}")
        check(tool("skopeo"), *push, f"docker://127.0.0.1:{port}/models:1")
        pull = ("copy", "--src-tls-verify=false", "--override-arch", "arm64", f"docker://{image}")
        check(tool("skopeo"), *pull, f"oci:{tmp_path / 'pulled'}:latest")
    check(tool("umoci"), "unpack", "--rootless", "--image", f"{tmp_path / 'pulled'}:latest", tmp_path / "bundle")
    root = tmp_path / "bundle" / "rootfs"
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert found == {f"models/{name}": content for name, content in FILES.items()}
