"""Findings in SARIF 2.1.0 (OASIS), which code hosts and editors read and show at the line.

Waived findings are results with a suppression, as §3.35 of the standard means it: seen, judged, and accepted by somebody. Each
result carries a fingerprint of rule, document and message, so that a finding is known again when lines above it move.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pilotage.journey.findings import Finding
from pilotage.proof.rule import Rule
from pilotage.proof.waivers import FILE, Verdict, Waived

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BREAKS = re.compile(r"\d+")


def sarif(verdict: Verdict, rules: Mapping[str, Rule], version: str, folder: str = "") -> dict[str, Any]:
    """One run with every finding, those that count first, and the rules that they break. Code hosts want paths from the root of the
    repository: `folder` leads there to the workspace."""
    broken = sorted({finding.rule for finding in verdict.findings} | {each.finding.rule for each in verdict.waived})
    index = {name: at for at, name in enumerate(broken)}
    results = [_result(finding, index, folder) for finding in verdict.findings]
    results += [_result(each.finding, index, folder) | {"suppressions": [_suppression(each, folder)]} for each in verdict.waived]
    driver = {"name": "pilotage", "version": version, "rules": _descriptors(broken, rules)}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _descriptors(names: Iterable[str], rules: Mapping[str, Rule]) -> list[dict[str, Any]]:
    return [_descriptor(rules[name]) for name in names]


def _descriptor(rule: Rule) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "defaultConfiguration": {"level": str(rule.severity)},
    }
    if rule.why:
        told["fullDescription"] = {"text": rule.why}
        told["help"] = {"text": f"{rule.why}\n\nCure: {rule.cure}.", "markdown": f"{rule.why}\n\n**Cure**: {rule.cure}."}
    if rule.standard:
        told["properties"] = {"tags": [rule.standard]}
    return told


def _result(finding: Finding, index: Mapping[str, int], folder: str) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(folder, finding.path)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": str(finding.severity),
        "message": {"text": f"{finding.message}; {finding.cure}" if finding.cure else finding.message},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"finding/v1": _fingerprint(finding)},
    }


def _suppression(waived: Waived, folder: str) -> dict[str, Any]:
    said = f"{waived.owner} until {waived.until}: {waived.reason}"
    place = {"artifactLocation": {"uri": _uri(folder, FILE)}, "region": {"startLine": waived.line}}
    return {"kind": "external", "status": "accepted", "justification": said, "location": {"physicalLocation": place}}


def _uri(folder: str, path: str) -> str:
    """A path as a URI reference: what is not allowed in one is escaped."""
    path = f"{folder}/{path}" if folder else path
    return "".join(char if (char.isalnum() and char.isascii()) or char in "-._~/" else _escaped(char) for char in path)


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


def _fingerprint(finding: Finding) -> str:
    return hashlib.sha256(f"{finding.rule}\0{finding.path}\0{_BREAKS.sub('#', finding.message)}".encode()).hexdigest()[:32]
