"""How a log line comes in and becomes a finding: receivers, spool, decoding, the Bytewax dataflow."""
