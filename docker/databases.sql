-- Run once by psql, as the server's superuser, when the database is made. Each program has a role that owns its
-- database, so that it can migrate it, and is not let into the other's.
\set ON_ERROR_STOP on
\set store_password `cat /run/secrets/store_password`
\set prefect_password `cat /run/secrets/prefect_password`

create role stockrnn login password :'store_password';
create database stockrnn owner stockrnn;
revoke all on database stockrnn from public;

create role prefect login password :'prefect_password';
create database prefect owner prefect;
revoke all on database prefect from public;
