"""The channels, against real gateways on loopback."""
