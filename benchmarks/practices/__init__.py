"""Accounts billed as fulfilment providers, marketplaces and carriers publish it: the audit is measured on them.

Nothing here reads the models or the sandbox: the generator knows the API's fields and what the tables mean, no rule.
"""
