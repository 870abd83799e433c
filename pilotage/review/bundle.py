"""The bundle: the compiled plan of a workspace with the documents it was made from, named by one digest.

Everything in review binds to that digest: one byte of one document, and it is another bundle. What an environment is bound to
(its name, addresses, secrets) is no part of it, so that the same bundle is rehearsed in a sandbox and released to production.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from pilotage.audit.canonical import digest_of


class Bundle(msgspec.Struct, frozen=True):
    """The digest of a plan, and of each document by its path."""

    plan: str
    documents: dict[str, str]

    @property
    def digest(self) -> str:
        return digest_of({"plan": self.plan, "documents": self.documents})


def bundle_of(plan: str, files: Mapping[str, bytes]) -> Bundle:
    """The bundle of a plan's digest and the files it was made from, by path."""
    return Bundle(plan, document_digests(files))


def document_digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each file's bytes, by path, in the order of paths."""
    return {path: hashlib.sha256(files[path]).hexdigest() for path in sorted(files)}


def changed_documents(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """What differs between two sets of documents, in words: `journeys/x.yaml was changed`."""
    told = []
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            told.append(f"{path} was removed")
        elif path not in old:
            told.append(f"{path} was added")
        elif old[path] != new[path]:
            told.append(f"{path} was changed")
    return tuple(told)
