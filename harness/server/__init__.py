"""Starting servers, and leaving nothing of them behind."""
