"""Traffic: the visits of users to an app, as a file describes them."""
