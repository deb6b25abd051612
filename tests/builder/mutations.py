"""Files that were changed at random, opened one after the other: python -m tests.builder.mutations FIRST LAST FILE...

Prints a line for each seed whose file ended in anything but a model or a HornbeamError, and then how many bytes the process grew
by at its largest. Run as a process of its own, so that its memory can be measured and a crash is seen.
"""

import io
import json
import random
import resource
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py

import builder
from builder.errors import HornbeamError

VALUES: list[Any] = [None, True, -1, 0, 3, 2**31, 2**70, 1.5, float("nan"), "", "relu", "Dense", "x", "../x", [], {}, [[[]]]]
VALUES += [{"class_name": "__keras_tensor__"}, {"class_name": "Dense", "config": []}, ["x", 0, 0], ["x", 0, 0, {}], {"class_name": 3}]


def changed(data: bytes, generator: random.Random) -> bytes:
    """The file with some bytes changed, a part cut out or doubled, its end cut off, or its config changed in its structure."""
    match generator.randrange(6):
        case 0:
            return data[: generator.randrange(len(data))]
        case 1:
            first, length = generator.randrange(len(data)), generator.randrange(1, 64)
            return data[:first] + data[first + length :]
        case 2:
            first, length = generator.randrange(len(data)), generator.randrange(1, 64)
            return data[:first] + data[first : first + length] * 2 + data[first + length :]
        case 3:
            flipped = bytearray(data)
            for _ in range(generator.randrange(1, 9)):
                flipped[generator.randrange(len(data))] = generator.choice([0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)])
            return bytes(flipped)
        case _:
            return with_config(data, generator)


def with_config(data: bytes, generator: random.Random) -> bytes:
    buffer = io.BytesIO(data)
    if data.startswith(b"PK"):
        with zipfile.ZipFile(buffer) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["config.json"] = restructured(members["config.json"], generator)
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return made.getvalue()
    with h5py.File(buffer, "r+") as file:
        file.attrs["model_config"] = restructured(file.attrs["model_config"].encode(), generator)
    return buffer.getvalue()


def restructured(text: bytes, generator: random.Random) -> bytes:
    """The JSON with a few of its values put in place of others, taken away, or replaced by something else."""
    config = json.loads(text)
    for _ in range(generator.randrange(1, 4)):
        places = [(inside, key) for inside in containers(config) for key in (inside if isinstance(inside, dict) else range(len(inside)))]
        inside, key = generator.choice(places)
        if generator.random() < 0.3:
            del inside[key]
        elif generator.random() < 0.5:
            inside[key] = generator.choice(VALUES)
        else:
            other, place = generator.choice(places)
            inside[key] = (
                json.loads(json.dumps(other[place])) if place in other or (isinstance(other, list) and place < len(other)) else None
            )
    return json.dumps(config).encode()


def containers(value: Any) -> list[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict | list) and value else []
    return [*own, *(found for item in inside for found in containers(item))]


def open_changed(path: Path, seed: int) -> str | None:
    """What went wrong with a file as changed by a seed; None where it opened, or was refused as it should be."""
    data = changed(path.read_bytes(), random.Random(seed))
    with tempfile.NamedTemporaryFile(suffix=path.suffix) as file:
        file.write(data)
        file.flush()
        try:
            builder.load_model(file.name)
        except HornbeamError as error:
            return None if file.name in str(error) or "weights" in str(error) else f"does not name the file: {error}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    first, last, *names = sys.argv[1:]
    for name in names:
        builder.load_model(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in names:
        for seed in range(int(first), int(last)):
            if problem := open_changed(Path(name), seed):
                print(f"{Path(name).name} {seed}: {problem}", flush=True)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


if __name__ == "__main__":
    main()
