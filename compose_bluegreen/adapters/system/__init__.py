"""The machine on which the command runs: clock, private files, webhooks, certificates."""
