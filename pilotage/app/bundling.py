"""Bundles on disk: the documents of a workspace as bytes, and every bundle that was proposed, kept under its digest.

`control/bundles/` of the data folder keeps plan and documents of each, so that what a release was, and what it changed, can be told
for ever; `control/releases/` keeps each release by environment and number. A file is written whole or not at all.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from pilotage.app.places import CONTRACTS, FOLDERS, PROFILE_FILE
from pilotage.journey.plan import Plan, decode_plan, encode_plan
from pilotage.review.bundle import Bundle, bundle_of, document_digests
from pilotage.review.release import Release, encode_release
from pilotage.runner.folder import write_file

CONTROL = "control"


class BundleMissing(FileNotFoundError):
    """A bundle that was released or proposed is not in `control/bundles` any more. Restore the data folder from a backup."""


class _Kept(msgspec.Struct, frozen=True):
    plan: bytes
    documents: dict[str, bytes]


def document_files(workspace: Path) -> dict[str, bytes]:
    """Every document of a workspace, by path: the profile, what lies in the folders of documents, and contracts."""
    paths = [workspace / PROFILE_FILE] if (workspace / PROFILE_FILE).is_file() else []
    for place in (*FOLDERS, CONTRACTS):
        for path in sorted((workspace / place).rglob("*.yaml")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(workspace).parts):
                paths.append(path)
    return {path.relative_to(workspace).as_posix(): path.read_bytes() for path in paths}


def documents_now(workspace: Path) -> dict[str, str]:
    """The digest of every document of a workspace as it is now, by path."""
    return document_digests(document_files(workspace))


def keep_bundle(data: Path, plan: Plan, files: Mapping[str, bytes]) -> Bundle:
    """Keep a bundle under its digest; one that is there already stays as it is."""
    bundle = bundle_of(plan.digest, files)
    path = _place(data, bundle.digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, msgspec.msgpack.encode(_Kept(encode_plan(plan), dict(files))))
    return bundle


def kept_plan(data: Path, digest: str) -> Plan:
    """The plan of a bundle that was kept; `BundleMissing` where it is not there, or is not what its name says."""
    path = _place(data, digest)
    try:
        kept = msgspec.msgpack.decode(path.read_bytes(), type=_Kept)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BundleMissing(f"bundle {digest[:16]} cannot be read ({fault}); restore {path.parent} from a backup") from fault
    plan = decode_plan(kept.plan)
    if bundle_of(plan.digest, kept.documents).digest != digest:
        raise BundleMissing(f"bundle {digest[:16]} is not what its name says; restore {path.parent} from a backup")
    return plan


def release_path(data: Path, environment: str, sequence: int) -> Path:
    """Where a release's file lies."""
    return data / CONTROL / "releases" / environment / f"{sequence:06}.json"


def keep_release(data: Path, release: Release) -> Path:
    """Write a release's file; where it lies. One that a crash left there is replaced: the ledger has no entry of it."""
    path = release_path(data, release.environment, release.sequence)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, encode_release(release))
    return path


def _place(data: Path, digest: str) -> Path:
    return data / CONTROL / "bundles" / digest
