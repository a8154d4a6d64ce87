"""What this source is called."""

NAME = "yahoo"
TITLE = "Yahoo"
