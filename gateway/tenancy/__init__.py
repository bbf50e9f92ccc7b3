"""Who may do what, how much of it, and who pays: teams, keys, limits, budgets, the ledger."""
