"""TLS on the gRPC port: a certificate and key from files, and for mutual TLS the authorities that callers' certificates are from.

The files are looked at for each new connection, and read again when they have changed: a certificate is renewed without a restart.
A new pair that cannot be used is said in the log and counted, and the one before it stays.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import grpc

from service.errors import StartupError
from service.rpc.certificate import expiry

__all__ = ["Certificates", "from_files"]

log = logging.getLogger("hornbeam.rpc")
Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Files:
    cert: Path
    key: Path
    client_ca: Path | None

    def stamp(self) -> Stamp:
        """What is different when a file is; the target's, where a file is a link, as a mounted secret is."""
        return tuple((stat.st_mtime_ns, stat.st_ino, stat.st_size) for stat in (path.stat() for path in self._all()))

    def _all(self) -> tuple[Path, ...]:
        return (self.cert, self.key) if self.client_ca is None else (self.cert, self.key, self.client_ca)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A pair that has been tried, and the end of its certificate in seconds since the epoch."""

    configuration: grpc.ServerCertificateConfiguration
    expiry: float


class Certificates:
    """The certificate that the server shows, as it is at the moment. Raises StartupError when there is none to begin with."""

    def __init__(self, files: _Files) -> None:
        self._files = files
        self._lock = Lock()
        self.reloads = 0
        self.failed_reloads = 0
        self._stamp, self._loaded = _load(files)

    @property
    def expiry(self) -> float:
        """When the certificate ends, in seconds since the epoch."""
        return self._loaded.expiry

    def credentials(self) -> grpc.ServerCredentials:
        """For a port: callers must show a certificate where there is an authority for them."""
        return grpc.dynamic_ssl_server_credentials(
            self._loaded.configuration,
            self._changed,  # type: ignore[arg-type]  # None is allowed, which the stubs do not know
            require_client_authentication=self._files.client_ca is not None,
        )

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC for each new connection: what to use from now on, None for what was used before."""
        with self._lock:
            try:
                stamp = self._files.stamp()
            except OSError:
                return None  # between the removal of a file and its return
            return None if stamp == self._stamp else self._reload(stamp)

    def _reload(self, stamp: Stamp) -> grpc.ServerCertificateConfiguration | None:
        try:
            self._stamp, self._loaded = _load(self._files)
        except StartupError as error:
            self._stamp = stamp  # said once, and tried again when the files change
            self.failed_reloads += 1
            log.error("the new TLS certificate is not used, and the one before it stays: %s", error)
            return None
        self.reloads += 1
        log.info("the TLS certificate was read again from %s", self._files.cert)
        return self._loaded.configuration


def from_files(cert: str, key: str, client_ca: str) -> Certificates | None:
    """The certificates that three options name, each empty where it is not given; None for none, which is no TLS."""
    if not cert and not key:
        if client_ca:
            raise StartupError("--tls-client-ca needs --tls-cert and --tls-key: callers are asked for a certificate over TLS only")
        return None
    if not cert or not key:
        there, missing = ("--tls-cert", "--tls-key") if cert else ("--tls-key", "--tls-cert")
        raise StartupError(f"{there} was given without {missing}; TLS needs both")
    return Certificates(_Files(Path(cert), Path(key), Path(client_ca) if client_ca else None))


def _load(files: _Files) -> tuple[Stamp, _Loaded]:
    """The files' stamp and what is in them. Raises StartupError when they are not there, no PEM, or not of each other."""
    try:
        stamp = files.stamp()
    except OSError as error:
        raise StartupError(f"the TLS file {error.filename} cannot be read: {error.strerror}") from error
    cert, key = _read(files.cert), _read(files.key)
    authorities = None if files.client_ca is None else _read(files.client_ca)
    end = _expiry(files.cert, cert)
    _try_pair(files)
    if files.client_ca is not None:
        _try_authorities(files.client_ca)
    return stamp, _Loaded(grpc.ssl_server_certificate_configuration([(key, cert)], authorities), end)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupError(f"the TLS file {path} cannot be read: {error.strerror}") from error


def _expiry(path: Path, pem: bytes) -> float:
    try:
        return expiry(pem)
    except ValueError as error:
        raise StartupError(f"--tls-cert {path} holds no certificate in PEM: {error}") from None


def _try_pair(files: _Files) -> None:
    """gRPC would find out with the first caller, and tell nobody why."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.cert, files.key, password="")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        if reason == "KEY_VALUES_MISMATCH":
            raise StartupError(f"the key {files.key} is not that of the certificate {files.cert}") from None
        raise StartupError(f"--tls-key {files.key} holds no key in PEM that opens without a password ({reason})") from None


def _try_authorities(path: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except ssl.SSLError as error:
        raise StartupError(f"--tls-client-ca {path} holds no certificate in PEM ({error.reason})") from None
