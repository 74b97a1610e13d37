"""What an attacker writes who can write to the volume of the journal: a document with a right digest."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from compose_bluegreen.adapters.history import journal_documents
from compose_bluegreen.adapters.history.journal_documents import Name


def forged(file: str, content: bytes, project: str, service: Mapping[str, Any]) -> tuple[str, str]:
    """The name and the text of a newer version of this document, whose service has these keys too."""
    name = Name.read(file)
    assert name
    old = journal_documents.read(name, content, project)
    parts = deepcopy(old.parts)
    for part in parts:
        part["model"]["services"][part["service"]] |= service
    new = journal_documents.document(
        name.number, name.uid, name.revision, old.deployment, old.services, parts, old.steps
    )
    return str(new.name), new.text
