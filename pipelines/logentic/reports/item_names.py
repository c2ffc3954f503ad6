"""Name items by SKU and name in sentences of the tables that have their number."""

import re

import duckdb

NUMBER = re.compile(r"\b([Ii]tem) (\d{1,18})\b")
NAMES = "select item_id, concat_ws(' ', sku, name) from items where list_contains($1, item_id)"


def name_items(published: duckdb.DuckDBPyConnection, sentences: list[str]) -> list[str]:
    """Return the sentences with `item 28056` as `item SKU-0031 Maple basket (28056)`; unknown items stay a number."""
    numbers = {int(number) for sentence in sentences for _, number in NUMBER.findall(sentence or "")}
    if not numbers:
        return sentences
    names = {number: name for number, name in published.execute(NAMES, [list(numbers)]).fetchall() if name}

    def named(found: re.Match[str]) -> str:
        word, number = found.groups()
        return f"{word} {names[int(number)]} ({number})" if int(number) in names else found[0]

    return [NUMBER.sub(named, sentence or "") for sentence in sentences]
