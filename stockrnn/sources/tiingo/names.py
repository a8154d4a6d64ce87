"""What this source is called."""

NAME = "tiingo"
TITLE = "Tiingo"
TOKEN_VARIABLE = "TIINGO_API_KEY"  # noqa: S105  # the variable's name
