"""Learn an account's prices from its charges, and price each charge by them."""
