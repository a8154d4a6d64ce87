#!/bin/sh
# Run a command with secrets from files: where NAME_FILE names a file, the command finds its content in NAME.
# The container's description, which 'docker inspect' shows, holds the file's name alone.
set -eu
for name in PGPASSWORD PREFECT_API_AUTH_STRING PREFECT_SERVER_API_AUTH_STRING; do
    file=$(printenv "${name}_FILE" || true)
    if [ -n "$file" ]; then
        value=$(cat "$file") # on its own, so that a file that can't be read ends this
        export "$name=$value"
    fi
done
exec "$@"
