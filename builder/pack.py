"""A model repository as an OCI image, for Kubernetes' image volumes and KServe's modelcars: no Docker, and no daemon.

The image is a tar archive in the OCI image layout (image-spec 1.1): an index of one image for each platform, all of the same
layers, one for each model, in which the repository lies at /models. The bytes depend on the files' names and contents and on
nothing else, so that a repository that has not changed has the same digest, and a model that has not changed is not pushed
or pulled again. Layers are not compressed: weights hardly shrink, and gzip's bytes depend on who wrote it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from builder.errors import PackError

__all__ = ["PLATFORMS", "Layer", "Packed", "pack"]

PLATFORMS = ("linux/amd64", "linux/arm64")
ROOT = PurePosixPath("models")
MODEL = "model.onnx"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
CHUNK = 2**20
SPEC = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Layer:
    """A model in the image: its name, versions, and the digest and bytes of its layer."""

    model: str
    versions: tuple[int, ...]
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Packed:
    """A written image: the archive, the digest that a registry will know it by, the platforms, and its layers."""

    path: Path
    digest: str
    platforms: tuple[str, ...]
    layers: tuple[Layer, ...]


def pack(repository: Path, destination: Path, platforms: Sequence[str] = PLATFORMS) -> Packed:
    """Writes the models of `repository` as an OCI image to `destination`, a .tar file that is whole or not there.

    Entries whose names begin with a dot are left out. Raises PackError when the repository has no model, a name that cannot be
    one or a link that leads out of it, a platform is not OS/ARCHITECTURE, or the disk refuses.
    """
    models = _models(repository)
    configured = [_platform(platform) for platform in platforms]
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as open_files:
            layers = [_layer(repository, model, open_files, destination.parent) for model in models]
            digest, blobs = _manifests(layers, configured)
            with _whole(destination) as file:
                _write_layout(file, digest, blobs, layers)
    except OSError as error:
        raise PackError(f"{error.filename or destination}: {error.strerror}; nothing was written") from error
    return Packed(destination, digest, tuple(platforms), tuple(layer for layer, _ in layers))


def _models(repository: Path) -> list[Path]:
    """The models' directories, by name."""
    if not repository.is_dir():
        raise PackError(
            f"{repository} is no model repository: a directory with MODEL/VERSION/{MODEL} in it, as `hornbeam export` writes it"
        )
    models = [entry for entry in sorted(repository.iterdir()) if entry.is_dir() and not entry.name.startswith(".") and _versions(entry)]
    if not models:
        raise PackError(
            f"{repository} holds no model: there is no {repository}/MODEL/VERSION/{MODEL}; `hornbeam export SOURCE {repository}` writes one"
        )
    for model in models:
        if not NAME.fullmatch(model.name):
            raise PackError(f"{model}: {model.name!r} cannot be the name of a model: letters, digits, '.', '_' and '-', at most 128")
    return models


def _versions(model: Path) -> tuple[int, ...]:
    numbered = (entry for entry in model.iterdir() if re.fullmatch(r"[1-9][0-9]*", entry.name))
    return tuple(sorted(int(entry.name) for entry in numbered if (entry / MODEL).is_file()))


def _platform(text: str) -> dict[str, str]:
    """What an image's config says of a platform such as linux/arm64."""
    if not (match := re.fullmatch(r"([a-z0-9]+)/([a-z0-9]+)(?:/(v[0-9]+))?", text)):
        raise PackError(f"{text!r} is no platform: OS/ARCHITECTURE, such as {PLATFORMS[0]}")
    system, architecture, variant = match.groups()
    return {"architecture": architecture, "os": system, **({"variant": variant} if variant else {})}


def _layer(repository: Path, model: Path, open_files: ExitStack, directory: Path) -> tuple[Layer, IO[bytes]]:
    """A model's layer, and the file that it lies in until the archive is written."""
    file = open_files.enter_context(tempfile.TemporaryFile(dir=directory))  # noqa: SIM115  the stack closes it
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(_entry(ROOT, tarfile.DIRTYPE))
        for path in (model, *_below(repository, model)):
            name = ROOT / path.relative_to(repository).as_posix()
            if path.is_dir():
                archive.addfile(_entry(name, tarfile.DIRTYPE))
                continue
            with path.open("rb") as content:
                archive.addfile(_entry(name, tarfile.REGTYPE, os.fstat(content.fileno()).st_size), content)
    size = file.tell()
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(model.name, _versions(model), f"sha256:{digest}", size), file


def _below(repository: Path, directory: Path) -> Iterator[Path]:
    """Files and directories under a directory, by name, whatever order the disk has them in."""
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.resolve().is_relative_to(repository.resolve()):
            raise PackError(f"{path} is a link that leads out of the repository, to {path.resolve()}; put the file itself there")
        if not path.is_dir() and not path.is_file():
            raise PackError(f"{path} is neither a file nor a directory")
        yield path
        if path.is_dir():
            yield from _below(repository, path)


def _entry(name: PurePosixPath, kind: bytes, size: int = 0) -> tarfile.TarInfo:
    """An entry that says nothing of when, where and by whom it was made. Everybody may read it: the server is not its owner."""
    entry = tarfile.TarInfo(str(name))
    entry.type, entry.size = kind, size
    entry.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return entry


def _manifests(layers: Sequence[tuple[Layer, IO[bytes]]], platforms: Sequence[dict[str, str]]) -> tuple[str, dict[str, bytes]]:
    """The digest of the index of all platforms, and every small blob by its digest."""
    blobs: dict[str, bytes] = {}

    def put(kind: str, content: dict[str, Any]) -> dict[str, Any]:
        encoded = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        digest = f"sha256:{hashlib.sha256(encoded).hexdigest()}"
        blobs[digest] = encoded
        return {"mediaType": f"{SPEC}.{kind}+json", "digest": digest, "size": len(encoded)}

    described = [{"mediaType": f"{SPEC}.layer.v1.tar", "digest": layer.digest, "size": layer.size} for layer, _ in layers]
    models = ",".join(f"{layer.model}:{version}" for layer, _ in layers for version in layer.versions)
    annotations = {"org.opencontainers.image.title": "Hornbeam model repository", "hornbeam.models": models}
    manifests = []
    for platform in platforms:
        rootfs = {"type": "layers", "diff_ids": [layer.digest for layer, _ in layers]}
        config = put("config.v1", {**platform, "config": {}, "rootfs": rootfs})
        manifest = {"schemaVersion": 2, "mediaType": f"{SPEC}.manifest.v1+json", "config": config, "layers": described}
        manifests.append({**put("manifest.v1", {**manifest, "annotations": annotations}), "platform": platform})
    index = {"schemaVersion": 2, "mediaType": f"{SPEC}.index.v1+json", "manifests": manifests, "annotations": annotations}
    return str(put("index.v1", index)["digest"]), blobs


@contextmanager
def _whole(destination: Path) -> Iterator[IO[bytes]]:
    """A file that takes `destination`'s place when it has been written, and leaves no trace when it has not."""
    descriptor, name = tempfile.mkstemp(dir=destination.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(destination)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_layout(file: IO[bytes], digest: str, blobs: dict[str, bytes], layers: Sequence[tuple[Layer, IO[bytes]]]) -> None:
    """The archive: what it is, where it begins, and every blob under its digest."""
    first = {
        "mediaType": f"{SPEC}.index.v1+json",
        "digest": digest,
        "size": len(blobs[digest]),
        "annotations": {"org.opencontainers.image.ref.name": "latest"},
    }
    index = {"schemaVersion": 2, "mediaType": f"{SPEC}.index.v1+json", "manifests": [first]}
    contents: dict[str, tuple[IO[bytes], int]] = {layer.digest: (content, layer.size) for layer, content in layers}
    contents |= {name: (io.BytesIO(blob), len(blob)) for name, blob in blobs.items()}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", index)):
            encoded = json.dumps(text, sort_keys=True).encode()
            archive.addfile(_entry(PurePosixPath(name), tarfile.REGTYPE, len(encoded)), io.BytesIO(encoded))
        for name in ("blobs", "blobs/sha256"):
            archive.addfile(_entry(PurePosixPath(name), tarfile.DIRTYPE))
        for name, (content, size) in sorted(contents.items()):
            content.seek(0)
            archive.addfile(_entry(PurePosixPath("blobs", *name.split(":")), tarfile.REGTYPE, size), content)
