"""The effects: the API server, Events and the check over HTTP. All writing happens here."""
