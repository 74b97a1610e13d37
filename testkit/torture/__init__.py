"""Releases under load, with deaths of the deploy command: what any tool that deploys loses.

`python -m testkit.torture --deploy COMMAND --url URL`; the README beside this file has the conditions.
Start with `trial`: one row of the table.
"""
