"""Settings: the books file and the environment, parsed once and typed."""
