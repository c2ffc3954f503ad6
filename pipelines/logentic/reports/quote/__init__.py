"""Price an account's own history under another contract."""
