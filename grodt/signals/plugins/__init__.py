"""Signals of one's own: found in a file or an installed package, asked once what they are, and looked at whenever they answer."""
