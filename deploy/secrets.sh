#!/bin/sh
# Makes the secrets of docker-compose.yml: a key, and a password for PostgreSQL's owner and for each role's user. Once: a
# folder that exists stays as it is, because what is in it opens a shop.
#
#   deploy/secrets.sh [FOLDER]   # ./secrets
set -eu
umask 077
mkdir "${1:-secrets}"
cd "${1:-secrets}"

make() { openssl rand -hex 32; }
url() { echo "postgresql://$1:$2@postgres/buystream"; }

make > secret-key
make > postgres-password
url buystream "$(cat postgres-password)" > owner-database-url
for role in gateway decider projector payments notary notifications webhooks search feeds live; do
  password=$(make)
  url "buystream_$role" "$password" > "$role-database-url"
  echo "$role=$password" >> database-passwords
done
chmod 444 ./*  # the users of the containers are others than ours; the folder keeps everybody else out
