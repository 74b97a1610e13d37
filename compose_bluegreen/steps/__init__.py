"""What a deployment is made of: one concern a file; each yields steps.

Start with ``saga`` (how steps run and how they are undone) and ``rollout``.
Imports ``ports``, ``config``, ``runtime`` and ``domain``.
"""
