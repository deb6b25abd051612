"""`hornbeam pack`: a model repository as an image that Kubernetes mounts."""

from __future__ import annotations

from pathlib import Path

import click

from builder.cli.command import Command
from builder.pack import PLATFORMS
from builder.pack import pack as write

__all__ = ["pack"]


@click.command(cls=Command)
@click.argument("repository", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The archive to write, image.tar.")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    default=PLATFORMS,
    show_default=True,
    help="A platform of nodes that pull it; may be repeated.",
)
def pack(repository: Path, output: Path, platforms: tuple[str, ...]) -> None:
    """Write the models of REPOSITORY as an OCI image, for image volumes and KServe.

    The repository lies in it at /models, a layer for each model. The same files give the same digest, anywhere and at any time.
    """
    packed = write(repository, output, platforms)
    for layer in packed.layers:
        versions = ", ".join(map(str, layer.versions))
        click.echo(f"layer    {layer.model}, version {versions} ({layer.size:,} bytes) {layer.digest}")
    click.echo(f"wrote    {packed.path} for {', '.join(packed.platforms)}")
    click.echo(f"digest   {packed.digest}")
    click.echo(f"push     skopeo copy --all --preserve-digests oci-archive:{packed.path} docker://REGISTRY/NAME:TAG")
