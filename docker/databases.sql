-- Prefect keeps its own tables apart from ours.
create database prefect;
