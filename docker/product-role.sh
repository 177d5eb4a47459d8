#!/bin/sh
# Run once by the postgres image, in a new database: the role of web, worker and beat. `release` grants its rights.
set -e
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set password="$PRODUCT_PASSWORD" <<'SQL'
CREATE ROLE specway LOGIN PASSWORD :'password';
SQL
