"""The world: one module per capability, one function per verb."""
