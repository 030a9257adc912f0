"""Stands before a package that the portal is never installed with; see `tests.schedule`."""

raise ImportError("the portal runs without it")
