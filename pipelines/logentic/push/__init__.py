"""Write orders and items back to the account: off unless the setting `allow_writes` is on."""
