"""What both algorithms return."""

# The number of baskets of each frequent set, by the ascending rows of its words.
Itemsets = dict[tuple[int, ...], int]


class TooManyItemsetsError(Exception):
    """There are more frequent sets than the limit."""
