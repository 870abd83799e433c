"""Conformance suites for whoever writes a store or a channel: call one with a way to make yours, and it names what breaks."""

from pilotage.testing.channel import check_channel as check_channel
from pilotage.testing.store import check_store as check_store
