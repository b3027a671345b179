"""Tests, by room; each is a sentence, against real servers."""
