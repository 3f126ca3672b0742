"""The rules, pure: who is answered and when, what a refusal means, and what a text says."""
