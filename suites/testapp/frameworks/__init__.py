"""The test app written with each framework."""
