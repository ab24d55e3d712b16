"""What reads and learns, pure and without I/O: templates, anomalies, levels, the sanitizer."""
