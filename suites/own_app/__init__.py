"""Requirements for every app, checked on the user app beside the test app. They run only with --app."""
