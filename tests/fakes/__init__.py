"""Stand-ins for what lies outside, faithful enough to be trusted in tests."""
