"""The commands behind starter.py, one file per group."""
