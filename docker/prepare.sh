#!/bin/sh
# Make what the compose file needs and the repository must not hold: secrets, each a random string in a file, and the
# settings. What is there already stays. From any folder:
#   sh docker/prepare.sh
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets # nobody else on this machine gets in; inside, a container reads as a user of its own
for name in postgres_password store_password prefect_password; do
    [ -s "secrets/$name" ] || head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' > "secrets/$name"
done
[ -s secrets/prefect_login ] ||
    printf 'stockrnn:%s' "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')" > secrets/prefect_login
[ -e secrets/tiingo_api_key ] || : > secrets/tiingo_api_key # empty until you have an account there
[ -e stockrnn.toml ] || cp stockrnn.example.toml stockrnn.toml
chmod 644 secrets/* stockrnn.toml
