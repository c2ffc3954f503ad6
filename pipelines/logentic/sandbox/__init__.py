"""A Logentic account to develop against: the account, its API over HTTP, its faults."""
