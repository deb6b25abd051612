"""Makes `service/rpc/_pb` from the protos beside it: message classes in descriptor pools of their own, and their types.

    python proto/generate.py [DIRECTORY]

Protobuf's default pool takes a message name once for a process. Every client of the protocol claims the same names there,
so the server keeps out of it, and a client may live in the same process.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

HERE = Path(__file__).parent
TARGET = HERE.parent / "service" / "rpc" / "_pb"
NAMES = ("inference", "status")
MODULE = '''\
"""Generated from proto/{name}.proto by proto/generate.py. Do not edit."""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

POOL = descriptor_pool.DescriptorPool()
POOL.AddSerializedFile(
{literal}
)
DESCRIPTOR = POOL.FindFileByName("{name}.proto")

{definitions}
'''


def main(target: Path = TARGET) -> None:
    """Writes `<name>_pb2.py` and `<name>_pb2.pyi` for each of `NAMES` to `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        _generate(name, target)


def _generate(name: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        described = Path(directory, "described.binpb")
        arguments = [f"-I{HERE}", f"--descriptor_set_out={described}", f"--pyi_out={directory}", str(HERE / f"{name}.proto")]
        if protoc.main(["protoc", *arguments]) != 0:
            raise SystemExit("protoc failed")
        (file,) = FileDescriptorSet.FromString(described.read_bytes()).file
        types = Path(directory, f"{name}_pb2.pyi").read_text()
    data = file.SerializeToString()
    literal = "\n".join(f"    {data[start : start + 64]!r}" for start in range(0, len(data), 64))
    (target / f"{name}_pb2.py").write_text(MODULE.format(name=name, literal=literal, definitions="\n".join(_definitions(file))))
    (target / f"{name}_pb2.pyi").write_text(f"from google.protobuf.descriptor_pool import DescriptorPool\n{types}\nPOOL: DescriptorPool\n")


def _definitions(file: FileDescriptorProto) -> Iterator[str]:
    for message in file.message_type:
        yield f'{message.name} = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["{message.name}"])'
    for enum in file.enum_type:
        yield f'{enum.name} = EnumTypeWrapper(DESCRIPTOR.enum_types_by_name["{enum.name}"])'
        yield from (f"{value.name} = {value.number}" for value in enum.value)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
