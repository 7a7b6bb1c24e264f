"""Run cases as pytest items, and start servers for tests of users."""
