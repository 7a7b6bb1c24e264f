"""The call, the event channel and the choice of the app."""
