"""Reports: exports to the lake and summaries for people."""
