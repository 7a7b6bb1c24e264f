"""What a server makes of the app's answer on the wire, and of its own."""
