"""The page that `mayday replay --report` writes: one day of logs, what was noticed in it, and why.

`gather` reads the facts at the end of a replay, `page` draws them, `write` puts the file where it was asked for. What is drawn is
`SafeText` and numbers only, so the page may be sent to whoever may see an incident.
"""
