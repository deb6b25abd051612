"""What `make test-deploy` needs of the machine: as root on Debian, `python -m tests.deploy.machine` installs it."""

from __future__ import annotations

import os
import shutil
import subprocess

__all__ = ["PACKAGES"]

PACKAGES = {
    "buildah": "buildah",
    "skopeo": "skopeo",
    "umoci": "umoci",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "docker-registry": "docker-registry",
}


def main() -> None:
    """Installs what is missing; says what cannot be, and its tests are skipped."""
    missing = sorted(package for program, package in PACKAGES.items() if shutil.which(program) is None)
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"no {', '.join(missing)}: only root on Debian can install them here; their tests are skipped")
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # no service is started
    subprocess.run(["apt-get", "-qq", "update"], check=False, env=environment)
    subprocess.run(["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *missing], check=False, env=environment)


if __name__ == "__main__":
    main()
