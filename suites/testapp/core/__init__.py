"""The call, the event channel, and the choice between test app and user app."""
