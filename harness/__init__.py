"""The engine: launches servers, runs cases and scenarios, judges. Imports none of the other rooms."""
