"""Makes `service/rpc/_pb` from `inference.proto`: message classes in a descriptor pool of their own, and their types.

    python proto/generate.py [DIRECTORY]

Protobuf's default pool takes a message name once for a process. Every client of the protocol claims the same names there,
so the server keeps out of it, and a client may live in the same process.
"""

import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

HERE = Path(__file__).parent
TARGET = HERE.parent / "service" / "rpc" / "_pb"
MODULE = '''\
"""Generated from proto/inference.proto by proto/generate.py. Do not edit."""

from google.protobuf import descriptor_pool, message_factory

POOL = descriptor_pool.DescriptorPool()
POOL.AddSerializedFile(
{literal}
)
DESCRIPTOR = POOL.FindFileByName("inference.proto")

{classes}
'''


def main(target: Path = TARGET) -> None:
    """Writes `inference_pb2.py` and `inference_pb2.pyi` to `target`."""
    with tempfile.TemporaryDirectory() as directory:
        described = Path(directory, "inference.binpb")
        arguments = [f"-I{HERE}", f"--descriptor_set_out={described}", f"--pyi_out={directory}", str(HERE / "inference.proto")]
        if protoc.main(["protoc", *arguments]) != 0:
            raise SystemExit("protoc failed")
        (file,) = FileDescriptorSet.FromString(described.read_bytes()).file
        types = Path(directory, "inference_pb2.pyi").read_text()
    data = file.SerializeToString()
    literal = "\n".join(f"    {data[start : start + 64]!r}" for start in range(0, len(data), 64))
    names = [message.name for message in file.message_type]
    classes = "\n".join(f'{name} = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["{name}"])' for name in names)
    target.mkdir(parents=True, exist_ok=True)
    (target / "inference_pb2.py").write_text(MODULE.format(literal=literal, classes=classes))
    (target / "inference_pb2.pyi").write_text(
        f"from google.protobuf.descriptor_pool import DescriptorPool\n{types}\nPOOL: DescriptorPool\n"
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
