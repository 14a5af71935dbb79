"""One file per stage, thin: get parts from wiring, call one grodt function, record, return."""
