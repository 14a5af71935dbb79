"""What a run leaves for those who watch it: log lines and metrics. The only reader of structlog and prometheus_client."""
