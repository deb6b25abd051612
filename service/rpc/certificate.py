"""When a certificate ends: the one thing that is read out of it, which Python's ssl does not tell of a server's own.

X.509 (RFC 5280, 4.1) in DER: Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber, signature, issuer,
validity SEQUENCE { notBefore, notAfter }, ... }, ... }.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

__all__ = ["expiry"]

_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_END = "-----END CERTIFICATE-----"


def expiry(pem: bytes) -> float:
    """The end of the first certificate in `pem`, in seconds since the epoch. Raises ValueError when there is none."""
    text = pem.decode("ascii", "replace")
    start = text.find("-----BEGIN CERTIFICATE-----")
    if start < 0 or _END not in text[start:]:
        raise ValueError("there is no BEGIN CERTIFICATE in it")
    der = ssl.PEM_cert_to_DER_cert(text[start : text.index(_END, start) + len(_END)])
    (_, certificate), *_ = _parts(der)
    (_, body), *_ = _parts(certificate)
    fields = [part for part in _parts(body) if part[0] != _VERSION]
    if len(fields) < 4 or fields[3][0] != _SEQUENCE:
        raise ValueError("it is not as RFC 5280 has it")
    _, (kind, end) = _parts(fields[3][1])
    return _time(kind, end.decode("ascii"))


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and contents of each of the values in a row."""
    at = 0
    while at + 2 <= len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        if at + length > len(der):
            raise ValueError("it is cut off")
        yield tag, der[at : at + length]
        at += length


def _time(kind: int, text: str) -> float:
    """UTCTime has two digits of the year, of 1950 to 2049 (RFC 5280, 4.1.2.5.1); GeneralizedTime all four."""
    if kind not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("its end is no time")
    if kind == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
