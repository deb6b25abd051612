"""What a zip file that anyone may have made must be: small in its directory, plain in its members.

Members may not be compressed, so that nothing is larger in memory than in the file; nothing is ever unpacked to disk.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import PurePosixPath

from builder.errors import ModelFileError

__all__ = ["check_members"]

MEMBERS = 10_000  # more than any model has: a member a vocabulary, and three more


def check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Raises ModelFileError for what Keras never writes, and for more than a file of `size` bytes can hold."""
    members = archive.infolist()
    if len(members) > MEMBERS:
        raise ModelFileError(f"it has {len(members)} members; a .keras file has {MEMBERS} at most")
    if repeated := [name for name, count in Counter(archive.namelist()).items() if count > 1]:
        raise ModelFileError(f"it has two members called {repeated[0]!r}; it was not written by Keras")
    for member in members:
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
            raise ModelFileError(f"member {member.filename!r} has a name that leads out of the file")
        if member.flag_bits & 1:
            raise ModelFileError(f"member {member.filename!r} is encrypted")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ModelFileError(f"member {member.filename!r} is compressed, and Keras stores plain; save the model again with Keras")
    if (claimed := sum(member.file_size for member in members)) > size:
        raise ModelFileError(f"its members claim {claimed} bytes in a file of {size}")
