"""HTTP on this machine."""

from __future__ import annotations

import ssl

TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP: each would read the certificates of the whole world, which takes 45 ms."""
