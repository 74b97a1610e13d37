"""The machine on which the command runs: clock, private files, webhooks, certificates.

Start with ``private_files``, which holds everything that is written on this machine.
"""
