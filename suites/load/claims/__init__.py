"""What people say of servers, each statement as a scenario: its figures, and whether it held here by which rule."""
