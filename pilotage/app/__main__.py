"""`python -m pilotage.app` is the command `pilotage`."""

from pilotage.app.cli import main

if __name__ == "__main__":
    main()
