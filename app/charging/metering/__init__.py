"""Samples → energy, text → device time: pure functions, no database and no clock."""
