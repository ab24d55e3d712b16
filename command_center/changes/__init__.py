"""Change markers, and later change requests and their approvals."""
