"""What is kept: records, the DuckDB database and its one owner, the audit chain, seals, ad-hoc SQL."""
