"""The cases and scenarios that test servers."""
