"""The pricing engine: learns an account's prices from its charges, and prices each charge by them."""
