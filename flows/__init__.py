"""What runs: one flow per file, and the command line."""
