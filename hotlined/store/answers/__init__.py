"""The money path: a text is recorded and judged; its answer waits, passes the gate, leaves, and gets its fate."""
