"""Made-up incident days: logs of a company that does not exist, with what went wrong and when.

    python -m benchmarks.days OUT_DIR --seed N [--hours 2.5] [--count K] [--hard]

writes `OUT_DIR/day-<seed>/` with `logs.jsonl.gz` (`timestamp`, `host`, `service`, `level`, `message`, in order of arrival),
`changes.jsonl`, `services.json` and `truth.json`, and the same for the K-1 seeds that follow. The seed alone decides what a day
holds: domain, services and who calls whom, log dialects, healthy lines, harmless errors, events and changes.

These days are for designing detection and correlation. A threshold chosen on some seeds is judged on others.
"""
