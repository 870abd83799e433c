"""Pilotage: a governed customer-journey orchestration system.

Events go in, one pure function (`pilotage.journey.advance.advance`) decides per customer what happens next, and
coordinated actions come out. Importing this package costs nothing; import the folder you need.
"""

__version__ = "0.1.0"
