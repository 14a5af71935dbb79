"""Risk: limits, controls with evidence, and the only maker of `Approved`."""
