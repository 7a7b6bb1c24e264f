"""What holds for every app, asked of an app of the user's own beside the reference app; run with --app alone."""
