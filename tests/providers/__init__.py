"""Identity providers for the tests: a hostile one of our own, and a certified one of somebody else's."""
