"""The commands of `grodt`, by what they are for."""
