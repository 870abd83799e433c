"""Who answers for what runs: people, the ledger of their acts and the system's, and what is kept beside it."""
