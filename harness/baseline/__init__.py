"""What a user has accepted of servers."""
