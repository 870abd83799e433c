"""Where everything of a workspace lies: the folders and files that documents are read from."""

SETTINGS_FILE = "pilotage.yaml"
PROFILE_FILE = "profile.yaml"
CONTRACT_SUFFIX = ".odcs.yaml"
CONTRACTS = "contracts"
FOLDERS = {
    "policies": "policy",
    "calendars": "calendar",
    "audiences": "audience",
    "content": "content",
    "brands": "brand",
    "assets": "asset",
    "seeds": "seeds",
    "coupons": "coupons",
    "playbooks": "playbook",
    "catalogues": "catalogue",
    "models": "model",
    "fragments": "fragment",
    "journeys": "journey",
}
"""Where documents of each kind lie; contracts lie in `contracts`."""
