"""Prefect flows: thin; a flow body reads as a list of steps."""
