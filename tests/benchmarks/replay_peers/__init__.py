"""The peers of the replay benchmark: a module each, which lays a panel out and replays it."""
